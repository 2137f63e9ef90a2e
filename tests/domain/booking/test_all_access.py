"""All-Access: once a local day, group sessions, any seat, for as long as the pass lasts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, line, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")
DAYS = "SELECT usage_date::text AS day, slot, freed_at IS NOT NULL AS freed FROM all_access_daily_usages ORDER BY id"


def ends(timetable: Timetable, package: int) -> datetime:
    row = timetable.studio.one("SELECT all_access_expires_at FROM student_packages WHERE id = %(id)s", id=package)
    end: datetime = row["all_access_expires_at"]
    return end


def test_a_pass_pays_before_credits_for_any_seat(timetable: Timetable) -> None:
    paying = timetable.buy("ada", "EXPLORER-5")
    timetable.buy("ada", "ALL-ACCESS-30")
    session = timetable.session(soon(), seats=[1, 9])

    booked = timetable.book("ada", session, seatId=timetable.seats(session)[1])

    assert (booked.booking["paymentType"], booked.booking["creditsUsed"]) == ("ALL_ACCESS", 0)
    assert timetable.left(paying) == [5]
    assert timetable.studio.one(DAYS) == {"day": "2026-10-08", "slot": 1, "freed": False}


def test_a_second_session_of_the_day_is_paid_by_credits_or_not_at_all(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.book("ada", timetable.session(soon(hour=6)))
    second = timetable.session(soon(hour=9))

    refused = refuse(timetable, "book", "ada", sessionId=second)
    paying = timetable.buy("ada", "EXPLORER-5")
    booked = timetable.book("ada", second)

    assert refused.code == "all_access_used_today"
    assert booked.booking["paymentType"] == "CREDIT"
    assert timetable.left(paying) == [4]


def test_two_passes_are_one_session_a_day(timetable: Timetable) -> None:
    for _ in range(2):
        timetable.buy("ada", "ALL-ACCESS-30")
    timetable.book("ada", timetable.session(soon(hour=6)))

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon(hour=9)))

    assert refused.code == "all_access_used_today"


def test_a_daily_limit_of_two_is_two_and_each_is_freed_by_its_own_cancellation(timetable: Timetable) -> None:
    sell(timetable, "ada", all_access_days=30, all_access_daily_limit=2)
    sessions = [timetable.session(soon(hour=hour)) for hour in (6, 8, 10, 12)]
    first, second, third = (timetable.book("ada", each) for each in sessions[:3])

    timetable.cancel("ada", first.id)
    fourth = timetable.book("ada", sessions[3])

    assert [each.code for each in (first, second, third, fourth)] == ["done", "done", "all_access_used_today", "done"]
    assert [(row["slot"], row["freed"]) for row in timetable.studio.rows(DAYS)] == [(1, True), (2, False), (1, False)]


@pytest.mark.parametrize(
    ("service", "services", "code"),
    [
        ("GROUP", None, "done"),
        ("PRIVATE", None, "insufficient_credits"),
        ("PRIVATE", ["GROUP", "PRIVATE"], "done"),
        ("GROUP", ["PRIVATE"], "insufficient_credits"),
        ("COURSE", ["GROUP", "PRIVATE"], "enrollment_required"),
    ],
)
def test_a_pass_is_for_group_sessions_unless_the_product_lists_services(
    timetable: Timetable, service: str, services: list[str] | None, code: str
) -> None:
    listed: dict[str, Any] = {"all_access_services": services} if services else {}
    sell(timetable, "ada", all_access_days=30, **listed)

    outcome = timetable.book("ada", timetable.session(soon(), service=service))

    assert outcome.code == code


@pytest.mark.parametrize(("before", "code"), [(timedelta(seconds=1), "done"), (timedelta(0), "package_expired")])
def test_a_pass_pays_for_sessions_that_start_before_it_ends(timetable: Timetable, before: timedelta, code: str) -> None:
    package = timetable.buy("ada", "ALL-ACCESS-30")
    session = timetable.session(ends(timetable, package) - before)

    outcome = timetable.book("ada", session)

    assert outcome.code == code


def test_the_second_pass_pays_where_the_first_has_ended_and_not_before(timetable: Timetable) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    change = ends(timetable, first)
    last, next_one = timetable.session(change - timedelta(hours=1)), timetable.session(change)

    early = refuse(timetable, "book", "ada", sessionId=last, packageId=second)
    booked = [timetable.book("ada", each) for each in (last, next_one)]

    assert early.code == "package_not_started"
    assert [each.booking["studentPackageId"] for each in booked] == [first, second]


def test_of_two_passes_the_one_that_ends_first_pays(timetable: Timetable) -> None:
    long = sell(timetable, "ada", all_access_days=60)
    short = sell(timetable, "ada", all_access_days=10)
    timetable.studio.rows(
        "UPDATE student_packages SET starts_at = purchased_at, all_access_starts_at = purchased_at,"
        " expires_at = '2026-10-20T21:00Z', all_access_expires_at = '2026-10-20T21:00Z' WHERE id = %(id)s",
        id=short,
    )

    booked = [timetable.book("ada", timetable.session(soon(days))) for days in (3, 30)]

    assert [each.booking["studentPackageId"] for each in booked] == [short, long]


def test_a_cancellation_in_time_frees_the_day_and_a_forfeit_burns_it(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    first, second, third = (timetable.session(soon(hour=hour)) for hour in (7, 9, 11))
    timetable.cancel("ada", timetable.book("ada", first).id)
    burnt = timetable.book("ada", second)
    now.tick(timedelta(days=2, hours=12))

    timetable.cancel("ada", burnt.id, acceptForfeit=True)
    refused = refuse(timetable, "book", "ada", sessionId=third)

    assert refused.code == "all_access_used_today"
    assert [row["freed"] for row in timetable.studio.rows(DAYS)] == [True, False]


def test_a_pass_does_not_pay_for_a_guest(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon()), friend=GRACE)

    assert refused.code == "friend_pass_unavailable"


def test_a_change_to_another_session_of_the_day_uses_the_day_once(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    booked = timetable.book("ada", timetable.session(soon(hour=6)))

    moved = timetable.change("ada", booked.id, sessionId=timetable.session(soon(hour=9)))

    assert moved.booking["paymentType"] == "ALL_ACCESS"
    assert [row["freed"] for row in timetable.studio.rows(DAYS)] == [True, False]


def test_a_package_of_both_pays_by_its_pass_and_then_by_its_credits(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(2), all_access_days=30)

    booked = [timetable.book("ada", timetable.session(soon(hour=hour))) for hour in (6, 8)]

    assert [each.booking["paymentType"] for each in booked] == ["ALL_ACCESS", "CREDIT"]
    assert timetable.left(package) == [1]
