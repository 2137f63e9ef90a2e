"""Places and seats: never oversold, one seat one person, one student in one place."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import GRACE, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


def test_a_full_session_takes_nobody_until_somebody_leaves(timetable: Timetable) -> None:
    session = timetable.session(soon(), capacity=1)
    ada, eve = timetable.students(2)
    booked = timetable.book(ada, session)

    refused = refuse(timetable, "book", eve, sessionId=session)
    timetable.cancel(ada, booked.id)
    later = timetable.book(eve, session)

    assert refused.code == "session_full"
    assert later.code == "done"
    assert timetable.active(session) == 1


def test_a_batch_of_students_takes_the_places_that_there_are_in_the_order_of_asking(timetable: Timetable) -> None:
    session = timetable.session(soon(), capacity=2)
    jobs = [timetable.ask("booking.book", name, sessionId=session) for name in timetable.students(5)]

    timetable.work()

    assert [timetable.outcome(job).code for job in jobs] == ["done"] * 2 + ["session_full"] * 3
    assert timetable.active(session) == 2


def test_a_place_that_is_freed_in_a_batch_is_taken_by_the_next_in_it(timetable: Timetable) -> None:
    session = timetable.session(soon(), capacity=1, seats=[1])
    ada, eve = timetable.students(2)
    booked = timetable.book(ada, session)

    timetable.ask("booking.cancel", ada, bookingId=booked.id)
    job = timetable.ask("booking.book", eve, sessionId=session)
    timetable.work()

    assert timetable.outcome(job).booking["seatId"] == booked.booking["seatId"]
    assert timetable.active(session) == 1


@pytest.mark.parametrize(("capacity", "seats"), [(2, [1] * 5), (5, [1] * 2)])
def test_a_seated_session_has_as_many_places_as_its_seats_and_its_capacity_allow(
    timetable: Timetable, capacity: int, seats: list[int]
) -> None:
    session = timetable.session(soon(), capacity=capacity, seats=seats)

    outcomes = [timetable.book(name, session).code for name in timetable.students(3)]

    assert outcomes == ["done", "done", "session_full"]


def test_a_seat_that_is_taken_or_out_of_order_or_of_another_class_is_not_given(timetable: Timetable) -> None:
    session, other = timetable.session(soon(), seats=[1, 1, 1]), timetable.session(soon(4), seats=[1])
    taken, broken, _ = timetable.seats(session)
    timetable.studio.rows("UPDATE seats SET active = FALSE WHERE id = %(id)s", id=broken)
    ada, eve = timetable.students(2)
    timetable.book(ada, session, seatId=taken)

    codes = [
        refuse(timetable, "book", eve, sessionId=session, seatId=seat).code
        for seat in (taken, broken, *timetable.seats(other), 999_999)
    ]

    assert codes == ["seat_taken", "validation_failed", "validation_failed", "validation_failed"]


def test_a_session_without_seats_has_no_seat_to_name(timetable: Timetable) -> None:
    timetable.buy("ada")
    session, seated = timetable.session(soon()), timetable.session(soon(4), seats=[1])

    refused = refuse(timetable, "book", "ada", sessionId=session, seatId=timetable.seats(seated)[0])

    assert refused.code == "validation_failed"


def test_nobody_books_a_session_twice(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session)

    refused = refuse(timetable, "book", "ada", sessionId=session)
    timetable.cancel("ada", booked.id)
    again = timetable.book("ada", session)

    assert refused.code == "already_booked"
    assert again.code == "done"


@pytest.mark.parametrize(
    ("hour", "minutes", "code"),
    [
        (8, 60, "done"),
        (8, 61, "time_conflict"),
        (9, 5, "time_conflict"),
        (8, 300, "time_conflict"),
        (10, 60, "done"),
    ],
)
def test_nobody_is_in_two_sessions_at_once_but_one_may_follow_the_other(
    timetable: Timetable, hour: int, minutes: int, code: str
) -> None:
    sell(timetable, "ada", validity_days=30)
    timetable.book("ada", timetable.session(soon(hour=9), minutes=60))
    other = timetable.session(soon(hour=hour), minutes=minutes)

    outcome = timetable.book("ada", other, paymentType="FREE", reason="whatever it costs")

    assert outcome.code == code


def test_a_guest_does_not_keep_their_host_from_another_session(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    here, there = timetable.session(soon()), timetable.session(soon())
    booked = timetable.book("ada", here, friend=GRACE)

    refused = refuse(timetable, "book", "ada", sessionId=there)
    timetable.cancel("ada", booked.id)

    assert refused.code == "time_conflict"
    assert timetable.active(here) == 0


def test_a_lower_place_that_was_left_is_taken_before_the_session_is_full(timetable: Timetable) -> None:
    session = timetable.session(soon(), capacity=3)
    students = timetable.students(4)
    first = [timetable.book(name, session) for name in students[:3]]

    timetable.cancel(students[1], first[1].id)
    last = timetable.book(students[3], session)

    assert last.code == "done"
    places = timetable.studio.rows("SELECT place FROM bookings WHERE place IS NOT NULL ORDER BY place")
    assert [each["place"] for each in places] == [1, 2, 3]


@pytest.mark.parametrize(("start", "code"), [(10, "done"), (8, "done"), (9, "time_conflict")])
def test_what_was_booked_in_the_same_batch_keeps_its_time_and_no_more(
    timetable: Timetable, start: int, code: str
) -> None:
    timetable.buy("ada")
    sessions = [timetable.session(soon(hour=hour), minutes=60) for hour in (9, start, 12)]

    jobs = [timetable.ask("booking.book", "ada", sessionId=each) for each in sessions]
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert timetable.codes(jobs) == ["done", code, "done"]
