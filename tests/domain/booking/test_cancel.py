"""Cancelling: free before the window, a forfeit inside it, and for a moment after a late booking free again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import everything, organization, refuse, soon, told
from tests.timetable import Timetable

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("before", "code"), [(DAY, "done"), (DAY - SECOND, "cancellation_window_closed")])
def test_a_cancellation_is_free_until_the_window_to_the_second(
    timetable: Timetable, now: FrozenDateTimeFactory, before: timedelta, code: str
) -> None:
    package = timetable.buy("ada")
    start = soon()
    booked = timetable.book("ada", timetable.session(start))
    now.move_to(start - before)

    outcome = timetable.cancel("ada", booked.id)

    assert outcome.code == code
    assert timetable.left(package) == [5 if code == "done" else 4]


@pytest.mark.parametrize(("minutes", "code"), [(120, "done"), (119, "cancellation_window_closed")])
def test_an_organization_has_a_window_of_its_own(
    timetable: Timetable, now: FrozenDateTimeFactory, minutes: int, code: str
) -> None:
    timetable.studio.apply({"organizations": [organization(cancellation_window_minutes=120)]})
    timetable.buy("ada")
    timetable.buy("eve", "BUNDLE-5P-3G")
    start = soon()
    booked = timetable.book("ada", timetable.session(start))
    elsewhere = timetable.book("eve", timetable.session(start, org="thrive"), org="thrive")
    now.move_to(start - timedelta(minutes=minutes))

    outcome = timetable.cancel("ada", booked.id)
    other = refuse(timetable, "cancel", "eve", org="thrive", bookingId=elsewhere.id)

    assert outcome.code == code
    assert other.code == "cancellation_window_closed"


def test_without_a_window_a_cancellation_is_free_until_the_start(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.studio.apply({"organizations": [organization(cancellation_window_minutes=0)]})
    package = timetable.buy("ada")
    start = soon()
    booked = timetable.book("ada", timetable.session(start))
    now.move_to(start - SECOND)

    outcome = timetable.cancel("ada", booked.id)

    assert outcome.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]


def test_a_forfeit_frees_the_place_and_keeps_the_credit_spent(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon(), capacity=1, seats=[2])
    booked = timetable.book("ada", session)
    (eve,) = timetable.students(1, "EXPLORER-5")
    now.tick(timedelta(days=3))

    forfeited = timetable.cancel("ada", booked.id, acceptForfeit=True, reason="ill")
    taken = timetable.book(eve, session)

    assert forfeited.booking["status"] == "FORFEITED"
    assert forfeited.booking["metadata"] == {"cancelReason": "ill"}
    assert timetable.left(package) == [3]
    assert taken.booking["seatId"] == booked.booking["seatId"]
    assert told(timetable, "ada") == ["booking.confirmed", "booking.forfeited"]


def test_whoever_accepts_a_forfeit_in_time_forfeits_nothing(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))

    cancelled = timetable.cancel("ada", booked.id, acceptForfeit=True)

    assert cancelled.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]


@pytest.mark.parametrize(
    ("later", "code"),
    [(timedelta(minutes=15), "done"), (timedelta(minutes=15, seconds=1), "cancellation_window_closed")],
)
def test_a_booking_made_inside_the_window_is_undone_free_for_15_minutes(
    timetable: Timetable, now: FrozenDateTimeFactory, later: timedelta, code: str
) -> None:
    package = timetable.buy("ada")
    now.tick(timedelta(minutes=40))
    booked = timetable.book("ada", timetable.session(soon(0, 20)))
    now.tick(later)

    outcome = timetable.cancel("ada", booked.id)

    assert outcome.code == code
    assert timetable.left(package) == [5 if code == "done" else 4]


def test_a_booking_made_just_before_the_window_is_not_undone_inside_it(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    start = soon()
    now.move_to(start - DAY)
    booked = timetable.book("ada", timetable.session(start))
    now.tick(SECOND)

    refused = refuse(timetable, "cancel", "ada", bookingId=booked.id)

    assert refused.code == "cancellation_window_closed"


def test_a_late_booking_of_a_session_that_began_is_not_undone(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon(0, 9)))
    now.move_to(soon(0, 9))

    refused = refuse(timetable, "cancel", "ada", bookingId=booked.id)

    assert refused.code == "session_started"


def test_staff_cancel_inside_the_window_with_a_reason_and_all_comes_back(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    now.tick(timedelta(days=3))

    cancelled = timetable.cancel("ada", booked.id, override=True, reason="the bike broke")

    assert cancelled.booking["status"] == "CANCELLED"
    assert cancelled.booking["metadata"] == {}
    assert timetable.booking(booked.id)["metadata"] == {"staffReason": "the bike broke"}
    assert timetable.left(package) == [5]


@pytest.mark.parametrize("terms", [{}, {"acceptForfeit": True}, {"override": True, "reason": "ill"}])
def test_what_has_begun_is_cancelled_by_nobody(
    timetable: Timetable, now: FrozenDateTimeFactory, terms: dict[str, Any]
) -> None:
    timetable.buy("ada")
    start = soon()
    booked = timetable.book("ada", timetable.session(start))
    now.move_to(start)

    refused = refuse(timetable, "cancel", "ada", bookingId=booked.id, **terms)

    assert refused.code == "session_started"


@pytest.mark.parametrize("terms", [{}, {"acceptForfeit": True}])
def test_a_booking_is_given_up_once(timetable: Timetable, now: FrozenDateTimeFactory, terms: dict[str, Any]) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    now.tick(timedelta(days=3 if terms else 1))
    jobs = [timetable.ask("booking.cancel", "ada", bookingId=booked.id, **terms) for _ in range(2)]
    timetable.work()

    again = refuse(timetable, "cancel", "ada", bookingId=booked.id, override=True, reason="to be sure")

    assert [timetable.outcome(job).code for job in jobs] == ["done", "booking_closed"]
    assert again.code == "booking_closed"
    assert timetable.left(package) == [4 if terms else 5]


@pytest.mark.usefixtures("now")
def test_nobody_cancels_or_changes_what_is_anothers(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("ada-of-thrive", "BUNDLE-5P-3G")
    booked = timetable.book("ada", timetable.session(soon()))
    session = timetable.session(soon(4))
    before = everything(timetable.studio)["bookings"]

    codes = [
        refuse(timetable, kind, student, org=org, bookingId=booked.id, sessionId=session).code
        for kind in ("cancel", "change")
        for student, org in (("eve", "lumen"), ("ada", "thrive"), ("ada-of-thrive", "thrive"))
    ]

    assert codes == ["not_found"] * 6
    assert everything(timetable.studio)["bookings"] == before


@pytest.mark.usefixtures("now")
def test_nobody_books_a_session_of_another_organization(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), org="thrive")
    booked = timetable.book("ada", timetable.session(soon(4)))

    book = refuse(timetable, "book", "ada", sessionId=session)
    change = refuse(timetable, "change", "ada", bookingId=booked.id, sessionId=session)
    missing = refuse(timetable, "book", "ada", sessionId=999_999)

    assert [each.code for each in (book, change, missing)] == ["not_found"] * 3
