"""Packages that are scheduled later: whatever is booked and given up, open drafts are the credits left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, contest, line, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")
LATER: dict[str, Any] = {"schedule_later": {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}}
DRAFTS = """
SELECT order_id, student_package_id, allowance_id, booking_type, payment_type, credits_used, service_type, minutes,
       teacher_tier, session_id, place, seat_id, start_at, end_at, guest_of
  FROM bookings WHERE status = 'DRAFT' ORDER BY id
"""


def drafts(timetable: Timetable) -> list[int]:
    return [row["id"] for row in timetable.studio.rows("SELECT id FROM bookings WHERE status = 'DRAFT' ORDER BY id")]


def private(timetable: Timetable, days: int = 3, minutes: int = 60, **more: Any) -> int:
    return timetable.session(soon(days), org="thrive", service="PRIVATE", minutes=minutes, **more)


@pytest.mark.parametrize(("minutes", "cost"), [(60, 1), (90, 2), (180, 3)])
def test_a_booking_takes_a_draft_for_each_credit_and_a_cancellation_gives_as_many_back(
    timetable: Timetable, minutes: int, cost: int
) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    before = timetable.studio.rows(DRAFTS)
    first = drafts(timetable)[0]

    booked = timetable.book("ada", private(timetable, minutes=minutes), org="thrive")
    open_meanwhile = len(drafts(timetable))
    cancelled = timetable.cancel("ada", booked.id, org="thrive")

    assert (booked.id, booked.booking["bookingType"]) == (first, "PACKAGE_SESSION")
    assert open_meanwhile == 3 - cost
    assert cancelled.booking["status"] == "DRAFT"
    assert timetable.studio.rows(DRAFTS) == before
    assert timetable.left(package) == [3]


def test_a_draft_is_booked_and_given_up_again_and_again(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")

    for days in range(3, 9):
        booked = timetable.book("ada", private(timetable, days, minutes=120), org="thrive")
        timetable.cancel("ada", booked.id, org="thrive")

    assert len(drafts(timetable)) == 3
    assert timetable.left(package) == [3]


def test_a_change_into_a_draft_was_told_also_when_the_draft_is_booked_anew(timetable: Timetable) -> None:
    timetable.buy("ada", "WELLNESS-3")
    given = timetable.book("ada", private(timetable), org="thrive", paymentType="FREE", reason="a gift")
    changed = timetable.change(
        "ada", given.id, org="thrive", sessionId=private(timetable, 4), paymentType="CREDIT", confirmHigherTier=True
    )
    timetable.cancel("ada", changed.id, org="thrive")

    again = timetable.book("ada", private(timetable, 5), org="thrive")

    assert again.id == changed.id
    assert timetable.studio.audit() == []


def test_more_than_the_drafts_that_are_left_is_not_booked(timetable: Timetable) -> None:
    timetable.buy("ada", "WELLNESS-3")
    timetable.book("ada", private(timetable, minutes=120), org="thrive")

    refused = refuse(timetable, "book", "ada", org="thrive", sessionId=private(timetable, 4, minutes=120))

    assert refused.code == "insufficient_credits"
    assert len(drafts(timetable)) == 1


def test_a_forfeit_leaves_no_draft(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    booked = timetable.book("ada", private(timetable), org="thrive")
    now.tick(timedelta(days=3))

    forfeited = timetable.cancel("ada", booked.id, org="thrive", acceptForfeit=True)

    assert forfeited.booking["status"] == "FORFEITED"
    assert timetable.left(package) == [2]
    assert len(drafts(timetable)) == 2


@pytest.mark.parametrize("minutes", [60, 120, 180])
def test_a_change_takes_the_drafts_that_the_new_session_costs(timetable: Timetable, minutes: int) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    booked = timetable.book("ada", private(timetable, minutes=120), org="thrive")

    moved = timetable.change("ada", booked.id, org="thrive", sessionId=private(timetable, 4, minutes=minutes))

    assert moved.booking["bookingType"] == "PACKAGE_SESSION"
    assert timetable.left(package) == [3 - minutes // 60]
    assert len(drafts(timetable)) == 3 - minutes // 60


def test_a_change_may_spend_the_draft_that_it_gave_back(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    first, second = (timetable.book("ada", private(timetable, days), org="thrive") for days in (3, 4))
    timetable.cancel("ada", first.id, org="thrive")

    moved = timetable.change("ada", second.id, org="thrive", sessionId=private(timetable, 5, minutes=120))

    assert moved.id == first.id
    assert timetable.left(package) == [1]
    assert len(drafts(timetable)) == 1


def test_an_impossible_change_leaves_booking_and_drafts_as_they_were(timetable: Timetable) -> None:
    timetable.buy("ada", "WELLNESS-3")
    booked = timetable.book("ada", private(timetable, minutes=120), org="thrive")

    refused = refuse(
        timetable, "change", "ada", org="thrive", bookingId=booked.id, sessionId=private(timetable, 4, minutes=240)
    )

    assert refused.code == "insufficient_credits"
    assert timetable.cancel("ada", booked.id, org="thrive").booking["status"] == "DRAFT"


def test_a_draft_that_was_booked_late_is_undone_free_for_15_minutes(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    now.tick(timedelta(days=2))
    booked = timetable.book("ada", private(timetable, 0, capacity=1), org="thrive")
    now.tick(timedelta(minutes=15))

    cancelled = timetable.cancel("ada", booked.id, org="thrive")

    assert cancelled.booking["status"] == "DRAFT"
    assert timetable.left(package) == [3]


def test_a_draft_is_neither_cancelled_nor_changed(timetable: Timetable) -> None:
    timetable.buy("ada", "WELLNESS-3")
    draft = drafts(timetable)[0]

    cancel = refuse(timetable, "cancel", "ada", org="thrive", bookingId=draft)
    change = refuse(timetable, "change", "ada", org="thrive", bookingId=draft, sessionId=private(timetable))

    assert (cancel.code, change.code) == ("booking_closed", "booking_closed")


def test_a_frozen_draft_is_not_booked_and_one_that_comes_back_stays_a_draft(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    booked = timetable.book("ada", private(timetable), org="thrive")
    contest(timetable, package)

    refused = refuse(timetable, "book", "ada", org="thrive", sessionId=private(timetable, 4))
    timetable.cancel("ada", booked.id, org="thrive")

    assert refused.code == "package_suspended"
    assert len(drafts(timetable)) == 3


def test_only_the_line_that_is_scheduled_later_has_drafts(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(2), line(2, "PRIVATE"), org="thrive", **LATER)

    group = timetable.book("ada", timetable.session(soon(), org="thrive"), org="thrive")
    alone = timetable.book("ada", private(timetable, 4), org="thrive")

    assert (group.booking["bookingType"], alone.booking["bookingType"]) == ("DROP_IN", "PACKAGE_SESSION")
    assert timetable.left(package) == [1, 1]
    assert len(drafts(timetable)) == 1


def test_a_draft_is_booked_and_given_up_with_its_guest_in_one_batch(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(9, "PRIVATE"), org="thrive", friend_pass_days=30, **LATER)
    first = drafts(timetable)[0]
    session, other = private(timetable, minutes=300), private(timetable, 4, minutes=240)

    asked = [
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session, friend=GRACE),
        timetable.ask("booking.change", "ada", org="thrive", bookingId=first, sessionId=other),
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session, friend=GRACE),
    ]
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert [timetable.outcome(job).code for job in asked] == ["done", "done", "friend_pass_unavailable"]
    assert (timetable.active(session), timetable.active(other)) == (0, 2)
    assert timetable.left(package) == [5]
    assert len(drafts(timetable)) == 5


def test_a_draft_goes_through_many_hands_in_one_batch(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(8, "PRIVATE"), org="thrive", friend_pass_days=30, **LATER)
    first = drafts(timetable)[0]
    session = private(timetable, minutes=480)

    for _ in range(4):
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session, friend=GRACE)
        timetable.ask("booking.cancel", "ada", org="thrive", bookingId=first)
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert timetable.active(session) == 0
    assert timetable.left(package) == [8]
    assert len(drafts(timetable)) == 8
