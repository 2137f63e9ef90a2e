"""Commands that race each other on real connections: nothing is oversold, nothing is spent twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.races.bookings import INBOXES, OUT_OF_TURN, SINGLY, Asked, all_book, hourly, places, soon
from tests.timetable import Timetable
from worker.job_inbox import JOBS

FRIEND = {"name": "Grace", "email": "grace@example.com"}


# What everybody wants.


def test_two_hundred_students_get_exactly_the_twenty_places(timetable: Timetable) -> None:
    students = timetable.students(200, "EXPLORER-5")

    for number, batch in enumerate([20, 5, 1]):
        session = timetable.session(soon(3 + number), capacity=20)
        jobs = all_book(timetable, students, session)

        assert timetable.crowd(replace(JOBS, batch=batch)) == []

        assert Counter(timetable.codes(jobs)) == {"done": 20, "session_full": 180}
        assert places(timetable, session) == list(range(1, 21))
    assert timetable.studio.audit() == []


def test_the_last_place_goes_to_one(timetable: Timetable) -> None:
    students = timetable.students(10, "CORE-10")
    for session in hourly(timetable, 10, capacity=3):
        timetable.book(students[0], session)
        timetable.book(students[1], session)
        jobs = all_book(timetable, students[2:], session)

        assert timetable.crowd(SINGLY) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "session_full": 7}
        assert places(timetable, session) == [1, 2, 3]
    assert timetable.studio.audit() == []


def test_one_seat_that_fifty_want_goes_to_one(timetable: Timetable) -> None:
    students = timetable.students(50)
    session = timetable.session(soon(), capacity=60, seats=[1] * 60)
    jobs = all_book(timetable, students, session, seatId=timetable.seats(session)[0])

    assert timetable.crowd(SINGLY) == []

    assert Counter(timetable.codes(jobs)) == {"done": 1, "seat_taken": 49}
    assert timetable.studio.audit() == []


# What one student has once.


@INBOXES
def test_one_credit_pays_for_one_of_ten_sessions(timetable: Timetable, inbox: Any) -> None:
    sessions = hourly(timetable, 10)

    for ada in timetable.students(5):
        jobs = timetable.ask_all("booking.book", [(ada, {"sessionId": session}) for session in sessions])
        assert timetable.crowd(inbox) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "insufficient_credits": 9}
    assert timetable.studio.audit() == []


@INBOXES
def test_one_credit_pays_once_also_when_commands_come_in_while_workers_run(timetable: Timetable, inbox: Any) -> None:
    students, sessions = timetable.students(8), hourly(timetable, 10)
    jobs: list[int] = []

    def come_in() -> None:
        for session in sessions:
            jobs.extend(all_book(timetable, students, session))

    assert timetable.crowd(inbox, workers=6, meanwhile=[come_in]) == []

    codes = timetable.codes(jobs)
    assert [Counter(codes[place::8]) for place in range(8)] == [{"done": 1, "insufficient_credits": 9}] * 8
    assert timetable.studio.audit() == []


@INBOXES
def test_a_friend_comes_along_to_one_of_six_sessions(timetable: Timetable, inbox: Any) -> None:
    sessions = hourly(timetable, 6)

    for ada in timetable.students(4, "ELITE-30"):
        wishes = [(ada, {"sessionId": session, "friend": FRIEND}) for session in sessions]
        jobs = timetable.ask_all("booking.book", wishes)
        assert timetable.crowd(inbox) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "friend_pass_unavailable": 5}
    assert timetable.studio.audit() == []


@INBOXES
def test_all_access_pays_for_one_of_a_days_ten_sessions(timetable: Timetable, inbox: Any) -> None:
    sessions = hourly(timetable, 10)

    for ada in timetable.students(4, "ALL-ACCESS-30"):
        jobs = timetable.ask_all("booking.book", [(ada, {"sessionId": session}) for session in sessions])
        assert timetable.crowd(inbox) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "all_access_used_today": 9}
    assert timetable.studio.audit() == []


@INBOXES
def test_of_ten_sessions_at_the_same_time_a_student_gets_one(timetable: Timetable, inbox: Any) -> None:
    sessions = [timetable.session(soon() + timedelta(minutes=4 * number)) for number in range(10)]

    for ada in timetable.students(4, "CORE-10"):
        jobs = timetable.ask_all("booking.book", [(ada, {"sessionId": session}) for session in sessions])
        assert timetable.crowd(inbox) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "time_conflict": 9}
    assert timetable.studio.audit() == []


@INBOXES
def test_a_session_that_is_asked_for_ten_times_is_booked_once(timetable: Timetable, inbox: Any) -> None:
    session = timetable.session(soon())

    for ada in timetable.students(4, "CORE-10"):
        jobs = all_book(timetable, [ada] * 10, session)
        assert timetable.crowd(inbox) == []

        assert Counter(timetable.codes(jobs)) == {"done": 1, "already_booked": 9}
    assert timetable.studio.audit() == []


# What is given up while others want it.


def test_a_place_that_is_freed_while_others_want_it_is_never_given_twice(timetable: Timetable) -> None:
    inside, outside = timetable.students(5, "CORE-10"), timetable.students(8, "CORE-10")
    for session in hourly(timetable, 8, capacity=5):
        bookings = [timetable.book(name, session).id for name in inside]
        cancels: list[Asked] = [(name, {"bookingId": booking}) for name, booking in zip(inside, bookings, strict=True)]
        wanted = all_book(timetable, outside[:4], session)
        given_up = timetable.ask_all("booking.cancel", cancels)
        wanted += all_book(timetable, outside[4:], session)

        assert timetable.crowd(SINGLY) == []

        booked = Counter(timetable.codes(wanted))
        assert Counter(timetable.codes(given_up)) == {"done": 5}
        assert set(booked) <= {"done", "session_full"}
        assert len(places(timetable, session)) == booked["done"] <= 5
        assert timetable.studio.audit() == []


@INBOXES
def test_of_a_change_and_a_cancellation_of_one_booking_the_first_takes_effect(timetable: Timetable, inbox: Any) -> None:
    students = timetable.students(10, "CORE-10")
    first, second = timetable.session(soon()), timetable.session(soon(4))
    bookings = {name: timetable.book(name, first).id for name in students}
    changes = timetable.ask_all(
        "booking.change", [(name, {"bookingId": booking, "sessionId": second}) for name, booking in bookings.items()]
    )
    cancels = timetable.ask_all("booking.cancel", [(name, {"bookingId": each}) for name, each in bookings.items()])

    assert timetable.crowd(inbox) == []

    changed = timetable.codes(changes)
    assert [{"done", "booking_closed"}] * 10 == [
        {*each} for each in zip(changed, timetable.codes(cancels), strict=True)
    ]
    assert (timetable.active(first), timetable.active(second)) == (0, changed.count("done"))
    assert inbox is OUT_OF_TURN or changed == ["done"] * 10
    assert timetable.studio.audit() == []


def test_students_who_want_each_others_seat_keep_their_own(timetable: Timetable) -> None:
    ada, eve = timetable.students(2, "CORE-10")
    for session in hourly(timetable, 6, capacity=2, seats=[1, 1]):
        left, right = timetable.seats(session)
        a, e = timetable.book(ada, session, seatId=left).id, timetable.book(eve, session, seatId=right).id
        swaps: list[Asked] = [(ada, {"bookingId": a, "seatId": right}), (eve, {"bookingId": e, "seatId": left})]
        jobs = timetable.ask_all("booking.change", swaps)

        assert timetable.crowd(SINGLY, workers=4) == []

        assert timetable.codes(jobs) == ["seat_taken", "seat_taken"]
        assert [timetable.booking(each)["seat_id"] for each in (a, e)] == [left, right]
    assert timetable.studio.audit() == []


def test_a_seat_that_its_student_leaves_is_free_for_the_next(timetable: Timetable) -> None:
    ada, eve = timetable.students(2, "CORE-10")
    for session in hourly(timetable, 8, capacity=3, seats=[1, 1, 1]):
        left, right, empty = timetable.seats(session)
        a, e = timetable.book(ada, session, seatId=left).id, timetable.book(eve, session, seatId=right).id
        moves: list[Asked] = [(ada, {"bookingId": a, "seatId": empty}), (eve, {"bookingId": e, "seatId": left})]
        jobs = timetable.ask_all("booking.change", moves)

        assert timetable.crowd(SINGLY, workers=4) == []

        first, second = timetable.codes(jobs)
        assert first == "done"
        assert second in {"done", "seat_taken"}
    assert timetable.studio.audit() == []


def test_students_who_want_each_others_full_session_stay_where_they_are(timetable: Timetable) -> None:
    ada, eve = timetable.students(2, "CORE-10")
    for number in range(6):
        here, there = (
            timetable.session(soon(3 + number), capacity=1),
            timetable.session(soon(3 + number, 9), capacity=1),
        )
        a, e = timetable.book(ada, here).id, timetable.book(eve, there).id
        moves: list[Asked] = [(ada, {"bookingId": a, "sessionId": there}), (eve, {"bookingId": e, "sessionId": here})]
        jobs = timetable.ask_all("booking.change", moves)

        assert timetable.crowd(SINGLY, workers=4) == []

        assert timetable.codes(jobs) == ["session_full", "session_full"]
        assert [timetable.booking(each)["session_id"] for each in (a, e)] == [here, there]
    assert timetable.studio.audit() == []
