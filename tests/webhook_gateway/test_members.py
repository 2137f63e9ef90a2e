"""What staff see of a member: what is left, what was booked, and why an exception was made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.booking.test_book import soon
from tests.domain.privacy.someone import erased
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser

pytestmark = pytest.mark.usefixtures("of_a_worker")

STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}


def items(browser: Browser, path: str, **claims: Any) -> list[dict[str, Any]]:
    return list(browser.get(f"/api/{path}", **claims).get_json()["items"])


def test_staff_find_the_lines_that_they_correct(browser: Browser, timetable: Timetable) -> None:
    package = timetable.buy("ada")

    (held,) = items(browser, "members/ada/packages", **STAFF)
    (redeemed,) = items(browser, "members/ada/redemptions", **STAFF)

    assert [line["allowanceId"] for line in held["balances"]] == timetable.lines(package)
    assert redeemed["balances"] == held["balances"]


def test_why_staff_made_an_exception_is_theirs_to_read(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    job = timetable.ask("booking.book", "ada", sessionId=session, paymentType="FREE", reason="she was rude to us")
    timetable.work()

    (seen,) = items(browser, "members/ada/bookings", **STAFF)
    (own,) = items(browser, "students/me/bookings")

    assert seen["metadata"] == {"staffReason": "she was rude to us"}
    assert own["metadata"] == {}
    assert "rude" not in browser.get(f"/api/jobs/{job}").get_data(as_text=True)
    assert seen["id"] == own["id"]


@pytest.mark.parametrize("what", ["packages", "bookings"])
def test_a_member_is_their_own_studios_staffs_to_see(browser: Browser, timetable: Timetable, what: str) -> None:
    timetable.buy("ada")

    assert browser.get(f"/api/members/ada/{what}").status_code == 403
    assert browser.get(f"/api/members/nobody/{what}", **STAFF).status_code == 404
    assert browser.get(f"/api/members/ada/{what}", org="thrive", **STAFF).status_code == 404


@pytest.mark.parametrize("what", ["packages", "bookings", "ledger", "redemptions"])
def test_a_member_who_was_erased_is_nobodys_to_see(browser: Browser, timetable: Timetable, what: str) -> None:
    timetable.buy("ada")

    erased(timetable, "ada")

    assert browser.get(f"/api/members/ada/{what}", **STAFF).status_code == 404
