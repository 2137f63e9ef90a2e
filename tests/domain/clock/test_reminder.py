"""Reminders: at their moment, once, to whoever is booked by then and still is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain.clock import mark, reminder
from tests.domain.booking.world import GRACE, sell, soon
from tests.domain.clock.hours import addressed, offsets, run, side_by_side, written
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import remind

KIND = "booking.reminder"
SECOND = timedelta(seconds=1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def key(booking: int, start: datetime, minutes: int = 1_440) -> str:
    return f"booking:{booking}:{int(start.timestamp())}:{minutes}"


@pytest.fixture
def ada(timetable: Timetable, now: FrozenDateTimeFactory) -> str:
    """Give a student with an address and five credits."""
    assert now
    timetable.buy("ada")
    addressed(timetable)
    return "ada"


def booked(timetable: Timetable, start: datetime, student: str = "ada") -> int:
    return timetable.book(student, timetable.session(start)).id


def test_each_offset_reminds_at_its_moment_and_not_a_second_before(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    offsets(timetable, 1_440, 120)
    start = soon(5)
    booking = booked(timetable, start, ada)
    counts = []

    for moment in (start - DAY - SECOND, start - DAY, start - 3 * HOUR, start - 2 * HOUR, start, start + HOUR):
        now.move_to(moment)
        counts.append((run(remind, timetable), run(remind, timetable)))

    assert counts == [(0, 0), (1, 0), (0, 0), (1, 0), (0, 0), (0, 0)]
    assert written(timetable, KIND) == [key(booking, start), key(booking, start, 120)]


@pytest.mark.parametrize(
    ("zone_start", "org"),
    [
        # Clocks go back an hour in New York, forward in spring; none do in Istanbul.
        (datetime(2026, 11, 1, 15, tzinfo=UTC), "thrive"),
        (datetime(2027, 3, 14, 14, tzinfo=UTC), "thrive"),
        (datetime(2026, 10, 25, 7, tzinfo=UTC), "lumen"),
        (datetime(2028, 2, 29, 9, tzinfo=UTC), "lumen"),
        (datetime(2028, 3, 1, 9, tzinfo=UTC), "thrive"),
        (datetime(2027, 1, 1, 5, 30, tzinfo=UTC), "lumen"),
    ],
)
def test_an_offset_is_of_elapsed_time_whatever_the_clocks_on_the_wall_do(
    timetable: Timetable, now: FrozenDateTimeFactory, zone_start: datetime, org: str
) -> None:
    sell(timetable, "ada", org=org, validity_days=900)
    addressed(timetable)
    session = timetable.session(zone_start, org=org)
    booking = timetable.do("booking.book", "ada", org=org, sessionId=session).id
    now.move_to(zone_start - DAY - SECOND)
    early = run(remind, timetable)

    now.move_to(zone_start - DAY)

    assert (early, run(remind, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(booking, zone_start)]


def test_who_books_after_the_moment_is_not_reminded_of_it(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    offsets(timetable, 1_440, 120)
    start = soon(2)
    now.move_to(start - DAY + SECOND)
    booking = booked(timetable, start, ada)
    soon_after = run(remind, timetable)
    now.move_to(start - 2 * HOUR)

    assert (soon_after, run(remind, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(booking, start, 120)]


def test_a_draft_that_got_its_time_after_the_moment_is_not_reminded(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    sell(timetable, "ada", schedule_later={"service_type": "GROUP", "minutes": 45})
    addressed(timetable)
    start = soon(2)
    session = timetable.session(start)
    now.move_to(start - HOUR)

    timetable.book("ada", session)

    assert run(remind, timetable) == 0


def test_who_cancelled_is_not_reminded_and_who_changed_is_reminded_of_the_new_time(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    first, second, third = soon(5), soon(6), soon(7)
    cancelled = booked(timetable, first, ada)
    timetable.cancel(ada, cancelled)
    changed = booked(timetable, second, ada)
    became = timetable.change(ada, changed, sessionId=timetable.session(third)).id

    for moment in (first - DAY, second - DAY, third - DAY):
        now.move_to(moment)
        run(remind, timetable)

    assert written(timetable, KIND) == [key(became, third)]


def test_a_session_that_is_moved_is_reminded_of_anew(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    start, later = soon(5), soon(9)
    session = timetable.session(start)
    booking = timetable.book(ada, session).id
    now.move_to(start - DAY)
    run(remind, timetable)

    timetable.move(session, later)
    run(remind, timetable)
    now.move_to(later - DAY)
    run(remind, timetable)

    assert written(timetable, KIND) == [key(booking, start), key(booking, later)]


def test_a_session_that_is_moved_close_is_reminded_of_by_what_is_still_to_come(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    offsets(timetable, 1_440, 120)
    session = timetable.session(soon(5))
    booking = timetable.book(ada, session).id
    now.tick(2 * DAY)
    start = clock.now() + 6 * HOUR
    timetable.move(session, start)
    at_once = run(remind, timetable)
    now.move_to(start - 2 * HOUR)

    assert (at_once, run(remind, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(booking, start, 120)]


def test_nobody_is_reminded_of_a_session_that_was_called_off(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    start = soon(5)
    session = timetable.session(start)
    timetable.book(ada, session)
    timetable.call_off(session)

    now.move_to(start - DAY)

    assert run(remind, timetable) == 0


def test_a_guest_gets_their_own(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("eve", "ELITE-30")
    addressed(timetable)
    start = soon(5)
    host = timetable.book("eve", timetable.session(start), friend=GRACE).id

    now.move_to(start - DAY)

    assert run(remind, timetable) == 2
    assert written(timetable, KIND) == [key(host, start), key(host + 1, start)]


def test_a_guest_is_reminded_even_where_their_host_has_no_address(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("eve", "ELITE-30")
    start = soon(5)
    host = timetable.book("eve", timetable.session(start), friend=GRACE).id

    now.move_to(start - DAY)

    assert run(remind, timetable) == 1
    assert written(timetable, KIND) == [key(host + 1, start)]


def test_each_organization_has_its_own_offsets_and_may_have_none(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    sell(timetable, "bob", org="thrive")
    addressed(timetable)
    offsets(timetable, org="thrive")
    start = soon(5)
    booking = booked(timetable, start, ada)
    timetable.do("booking.book", "bob", org="thrive", sessionId=timetable.session(start, org="thrive"))

    now.move_to(start - DAY)

    assert run(remind, timetable) == 1
    assert written(timetable, KIND) == [key(booking, start)]


def test_after_a_week_of_downtime_only_what_is_ahead_is_told_and_only_once(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    offsets(timetable, 4_320, 1_440, 120)
    timetable.buy("ada", "ELITE-30")
    addressed(timetable)
    run(remind, timetable)
    starts = [soon(day, 7 if day == 9 else 9) for day in range(1, 13)]
    bookings = [booked(timetable, start) for start in starts]

    # The next rides are an hour, 23 hours, and two days and an hour away.
    now.move_to(soon(8, 8))
    caught_up = run(remind, timetable), run(remind, timetable)

    # Of three that are due for the first one, and two for the second, the last each.
    assert caught_up == (3, 0)
    assert written(timetable, KIND) == [
        key(bookings[7], starts[7], 120),
        key(bookings[8], starts[8]),
        key(bookings[9], starts[9], 4_320),
    ]


def test_many_at_once_remind_once(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    names = timetable.students(12)
    addressed(timetable)
    start = soon(5)
    session = timetable.session(start)
    for name in names:
        timetable.book(name, session)
    now.move_to(start - DAY)

    together = side_by_side(remind, timetable.engine, clock.now())

    assert together == 12
    assert len(set(written(timetable, KIND))) == len(written(timetable, KIND)) == 12


def test_a_batch_goes_on_where_the_one_before_ended_and_a_run_that_died_is_done_again(
    timetable: Timetable, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminder, "REMIND", reminder.REMIND.replace(f"LIMIT {reminder.MOST}", "LIMIT 2"))
    names = timetable.students(5)
    addressed(timetable)
    start = soon(5)
    sessions = [timetable.session(start), timetable.session(start), timetable.session(start)]
    for number, name in enumerate(names):
        timetable.book(name, sessions[number % 3])
    run(remind, timetable)
    now.move_to(start - DAY)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(mark, "note", die)
        with pytest.raises(RuntimeError, match="killed"):
            run(remind, timetable)
    before = len(written(timetable, KIND))

    assert (before, run(remind, timetable)) == (5, 0)
    assert len(written(timetable, KIND)) == 5


def test_who_is_booked_while_a_run_looks_is_not_forgotten(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    start = soon(5)
    session = timetable.session(start)
    now.move_to(start - DAY - SECOND)
    booking = timetable.book(ada, session).id
    # Committed late: the run of the moment does not see it.
    timetable.studio.rows("UPDATE bookings SET status = 'CANCELLED', place = NULL, session_capacity = NULL")
    now.move_to(start - DAY)
    first = run(remind, timetable)
    timetable.studio.rows("UPDATE bookings SET status = 'CONFIRMED', place = 1, session_capacity = 20")
    now.tick(timedelta(minutes=1))

    assert (first, run(remind, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(booking, start)]


def test_a_clock_that_was_ahead_for_a_while_loses_no_reminder(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    start = soon(5)
    today = clock.now()
    now.move_to(today + 30 * DAY)
    run(remind, timetable)
    now.move_to(today)
    run(remind, timetable)
    booking = booked(timetable, start, ada)
    now.move_to(start - DAY)

    assert run(remind, timetable) == 1
    assert written(timetable, KIND) == [key(booking, start)]


def test_what_came_due_while_a_clock_was_ahead_is_told_when_it_is_right_again(
    timetable: Timetable, ada: str, now: FrozenDateTimeFactory
) -> None:
    start = soon(5)
    booking = booked(timetable, start, ada)
    now.move_to(start - DAY - 2 * HOUR)
    run(remind, timetable)
    # Another worker's clock is a year ahead, and sees nothing that begins.
    now.move_to(start + 365 * DAY)
    run(remind, timetable)
    now.move_to(start - DAY + HOUR)

    assert run(remind, timetable) == 1
    assert written(timetable, KIND) == [key(booking, start)]
