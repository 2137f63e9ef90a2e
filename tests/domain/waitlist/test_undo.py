"""A promotion given back: free for an hour or until the line closes, and not made again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import refuse_waiting, soon
from tests.domain.waitlist.lines import full, give_back
from tests.timetable import Timetable
from worker import clock


def test_a_promotion_is_undone_free_inside_the_window_and_not_made_again(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada", "bea")
    package = timetable.buy("grace")
    timetable.join("grace", session)
    now.move_to(soon() - timedelta(hours=10))
    first, second = (row["id"] for row in timetable.studio.rows("SELECT id FROM bookings ORDER BY id"))
    timetable.cancel("ada", first, acceptForfeit=True)
    timetable.work()
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=59))

    undone = timetable.cancel("grace", promoted)

    assert undone.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]
    assert timetable.line(session) == [("grace", "LEFT", None)]
    timetable.cancel("bea", second, acceptForfeit=True)
    timetable.work()
    assert timetable.who(session) == []
    for student in ("cleo", "dora"):
        timetable.buy(student)
        timetable.book(student, session)
    assert refuse_waiting(timetable, "grace", session) == "waitlist_closed"


@pytest.mark.parametrize(("hours", "minutes"), [(10, 61), (3, 60)])
def test_a_promotion_is_kept_after_an_hour_or_when_the_line_closes(
    timetable: Timetable, now: FrozenDateTimeFactory, hours: int, minutes: int
) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    # Of three hours before the start, the line has half an hour more.
    now.move_to(soon() - timedelta(hours=hours) + timedelta(minutes=30 if minutes == 60 else 0))
    booking = timetable.studio.one("SELECT id FROM bookings")["id"]
    timetable.cancel("ada", booking, acceptForfeit=True)
    timetable.work()
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=31 if minutes == 60 else minutes))

    assert timetable.cancel("grace", promoted).code == "cancellation_window_closed"


def test_one_who_gave_a_promotion_back_in_another_way_may_wait_again(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    give_back(timetable, session, "ada")
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(hours=2))
    timetable.cancel("grace", promoted)
    timetable.buy("bea")
    timetable.book("bea", session)

    assert timetable.join("grace", session).code == "done"


def test_another_seat_keeps_the_hour_in_which_a_promotion_may_be_undone(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    now.move_to(soon() - timedelta(days=3, hours=-14))
    start = clock.now() + timedelta(hours=10)
    session = timetable.session(start, capacity=2, seats=[1, 1, 1])
    first, second, third = timetable.seats(session)
    for student, seat in (("ada", first), ("bea", second)):
        timetable.buy(student)
        timetable.book(student, session, seatId=seat)
    package = timetable.buy("grace")
    timetable.join("grace", session)
    give_back(timetable, session, "ada")
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=20))

    changed = timetable.change("grace", promoted, seatId=third)
    assert changed.code == "done"
    assert timetable.line(session) == [("grace", "PROMOTED", None)]
    now.tick(timedelta(minutes=20))
    assert timetable.cancel("grace", changed.id).code == "done"

    assert timetable.left(package) == [5]
    assert timetable.line(session) == [("grace", "LEFT", None)]
