"""Corrections of the ledger: bounded, in turn with bookings, and open drafts follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.test_drafts import DRAFTS, LATER, drafts, private
from tests.domain.booking.world import contest, give_back, line, nothing_written, sell, soon
from tests.timetable import Outcome, Timetable

pytestmark = pytest.mark.usefixtures("now")


def refused(timetable: Timetable, student: str, package: int, allowance: int, credits: int, **more: Any) -> Outcome:
    said: dict[str, Any] = {"packageId": package, "allowanceId": allowance, "credits": credits, "reason": "no"}
    job = timetable.ask("package.adjust", student, **said, **more)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job)


def statuses(timetable: Timetable) -> list[str]:
    return [row["status"] for row in timetable.studio.rows("SELECT status FROM bookings ORDER BY id")]


@pytest.mark.parametrize(("credits", "left"), [(3, 8), (-2, 3), (-5, 0)])
def test_credits_are_given_and_taken(timetable: Timetable, credits: int, left: int) -> None:
    package = timetable.buy("ada")
    (allowance,) = timetable.lines(package)

    outcome = timetable.adjust("ada", allowance, credits, reason="counted wrong")

    said = {"packageId": package, "allowanceId": allowance, "credits": credits}
    said |= {"balanceBefore": 5, "balanceAfter": left}
    assert outcome.result == {"adjustment": said | {"reason": "counted wrong"}}
    assert timetable.left(package) == [left]
    (written,) = timetable.studio.rows("SELECT kind, credits, booking_id, reason, actor FROM package_uses")
    assert written == {
        "kind": "ADJUST",
        "credits": -credits,
        "booking_id": None,
        "reason": "counted wrong",
        "actor": "STUDENT ada",
    }


def test_it_is_told_to_other_systems_and_sends_no_mail(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    (allowance,) = timetable.lines(package)
    mails = timetable.studio.count("notifications")

    timetable.adjust("ada", allowance, 2, reason="Grace called")

    event = timetable.studio.one("SELECT type, subject, sequence, data FROM domain_events ORDER BY id DESC LIMIT 1")
    about = {"packageId": package, "allowanceId": allowance, "studentId": "ada"}
    assert event == {
        "type": "package.adjusted",
        "subject": f"package/{package}",
        "sequence": 2,
        "data": about | {"credits": 2, "balanceBefore": 5, "balanceAfter": 7},
    }
    assert timetable.studio.count("notifications") == mails


def test_never_more_than_is_left_is_taken(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    (allowance,) = timetable.lines(package)
    timetable.book("ada", timetable.session(soon()))

    outcome = refused(timetable, "ada", package, allowance, -5)

    assert outcome.code == "insufficient_credits"
    assert timetable.left(package) == [4]


def test_no_line_holds_more_than_any_may(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    (allowance,) = timetable.lines(package)

    outcome = refused(timetable, "ada", package, allowance, 9_996)

    assert outcome.code == "validation_failed"
    assert timetable.adjust("ada", allowance, 9_995).code == "done"


def test_what_is_given_pays_for_what_is_booked_after_it(timetable: Timetable) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    (allowance,) = timetable.lines(package)
    said: dict[str, Any] = {"packageId": package, "allowanceId": allowance, "reason": "no"}
    first, second, third = (timetable.session(soon(days)) for days in (3, 4, 5))

    asked = [
        timetable.ask("booking.book", "ada", sessionId=first),
        timetable.ask("booking.book", "ada", sessionId=second),
        timetable.ask("package.adjust", "ada", credits=1, **said),
        timetable.ask("booking.book", "ada", sessionId=second),
        timetable.ask("package.adjust", "ada", credits=-1, **said),
        timetable.ask("booking.book", "ada", sessionId=third),
    ]
    timetable.work()

    told = ["done", "insufficient_credits", "done", "done", "insufficient_credits", "insufficient_credits"]
    assert timetable.codes(asked) == told
    assert timetable.left(package) == [0]


def test_a_line_of_another_package_is_not_its_own(timetable: Timetable) -> None:
    package, other = timetable.buy("ada"), timetable.buy("ada", "CORE-10")

    outcome = refused(timetable, "ada", package, timetable.lines(other)[0], 1)

    assert outcome.code == "validation_failed"


def test_another_students_package_is_not_there(timetable: Timetable) -> None:
    package = timetable.buy("ada")

    outcome = refused(timetable, "grace", package, timetable.lines(package)[0], 1)

    assert outcome.code == "not_found"


def test_nothing_of_a_revoked_package_is_mended(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    give_back(timetable, package)

    outcome = refused(timetable, "ada", package, timetable.lines(package)[0], 1)

    assert outcome.code == "package_revoked"


def test_a_suspended_package_may_be_mended(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    contest(timetable, package)

    outcome = timetable.adjust("ada", timetable.lines(package)[0], 1)

    assert outcome.code == "done"
    assert timetable.left(package) == [6]


def test_a_package_that_ended_long_ago_may_be_mended(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    now.tick(timedelta(days=400))

    outcome = timetable.adjust("ada", timetable.lines(package)[0], -1)

    assert outcome.code == "done"
    assert timetable.left(package) == [4]


# Packages that are scheduled later.


def test_credits_that_are_given_are_drafts_as_those_that_were_sold(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    sold = timetable.studio.rows(DRAFTS)
    (allowance,) = timetable.lines(package)

    timetable.adjust("ada", allowance, 2, org="thrive")

    assert timetable.studio.rows(DRAFTS) == [*sold, sold[0], sold[0]]
    assert timetable.left(package) == [5]


def test_credits_that_are_taken_take_the_newest_drafts(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    first = drafts(timetable)[0]
    (allowance,) = timetable.lines(package)

    timetable.adjust("ada", allowance, -2, org="thrive")

    assert drafts(timetable) == [first]
    assert statuses(timetable) == ["DRAFT", "CANCELLED", "CANCELLED"]


def test_a_line_of_which_nothing_was_left_has_drafts_again(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    (allowance,) = timetable.lines(package)
    timetable.adjust("ada", allowance, -3, org="thrive")
    timetable.studio.rows("UPDATE products SET draft_service_type = NULL, draft_minutes = NULL")

    timetable.adjust("ada", allowance, 1, org="thrive")

    assert len(drafts(timetable)) == 1
    assert timetable.left(package) == [1]
    timetable.studio.rows(
        "UPDATE products SET draft_service_type = 'PRIVATE', draft_minutes = 60 WHERE code LIKE 'W%%'"
    )


def test_a_line_without_drafts_beside_one_with_them_gets_none(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(2, "PRIVATE"), line(2, "GROUP"), org="thrive", **LATER)
    private_line, group_line = timetable.lines(package)

    timetable.adjust("ada", group_line, 3, org="thrive")
    timetable.adjust("ada", private_line, 1, org="thrive")

    assert timetable.left(package) == [3, 5]
    assert len(drafts(timetable)) == 3


def test_drafts_that_came_and_went_in_one_batch_are_as_many_as_credits(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    (allowance,) = timetable.lines(package)
    first = drafts(timetable)[0]
    session = private(timetable, minutes=300)
    said: dict[str, Any] = {"org": "thrive", "packageId": package, "allowanceId": allowance, "reason": "a mistake"}

    asked = [
        timetable.ask("package.adjust", "ada", credits=4, **said),
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session),
        timetable.ask("package.adjust", "ada", credits=-1, **said),
        timetable.ask("booking.cancel", "ada", org="thrive", bookingId=first),
        timetable.ask("package.adjust", "ada", credits=-4, **said),
        timetable.ask("package.adjust", "ada", credits=1, **said),
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session),
    ]
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert timetable.codes(asked) == [*["done"] * 6, "insufficient_credits"]
    assert timetable.left(package) == [3 + 4 - 1 - 4 + 1]
    assert len(drafts(timetable)) == 3


def test_what_was_given_may_be_booked_and_given_up_in_the_same_batch(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    (allowance,) = timetable.lines(package)
    first, session = drafts(timetable)[0], private(timetable, minutes=780)
    said: dict[str, Any] = {"packageId": package, "allowanceId": allowance, "credits": 10, "reason": "a gift"}

    asked = [
        timetable.ask("package.adjust", "ada", org="thrive", **said),
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session),
        timetable.ask("booking.cancel", "ada", org="thrive", bookingId=first),
    ]
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert timetable.codes(asked) == ["done"] * 3
    assert (timetable.left(package), len(drafts(timetable))) == ([13], 13)


def test_no_draft_comes_back_to_a_package_that_has_ended(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    (allowance,) = timetable.lines(package)
    now.tick(timedelta(days=400))

    outcome = refused(timetable, "ada", package, allowance, 1, org="thrive")
    taken = timetable.adjust("ada", allowance, -1, org="thrive")

    assert outcome.code == "package_expired"
    assert taken.code == "done"
    assert (timetable.left(package), len(drafts(timetable))) == ([2], 2)
