"""Commands that race each other on real connections: nothing oversold, nothing spent twice, each student's in order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.transaction import transaction
from tests.stripe_objects import checkout, refund
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS
from worker.stripe_inbox import STRIPE_EVENTS

SINGLY = replace(JOBS, batch=1)
# Nobody keeps a student's commands in turn: their lock alone is left to guard what they hold.
OUT_OF_TURN = replace(SINGLY, turn="TRUE", kin_turn="FALSE")
INBOXES = pytest.mark.parametrize("inbox", [JOBS, SINGLY, OUT_OF_TURN], ids=["batches", "singly", "out of turn"])
FRIEND = {"name": "Grace", "email": "grace@example.com"}

Asked = tuple[str, dict[str, Any]]


def soon(days: int = 3, hour: int = 6) -> datetime:
    return (clock.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=UTC)


def hourly(timetable: Timetable, number: int, *, days: int = 3, **more: Any) -> list[int]:
    """Sessions of one local day that do not overlap."""
    return [timetable.session(soon(days) + timedelta(hours=hour), **more) for hour in range(number)]


def places(timetable: Timetable, session: int) -> list[int]:
    rows = timetable.studio.rows(
        "SELECT place FROM bookings WHERE session_id = %(id)s AND place IS NOT NULL ORDER BY place", id=session
    )
    return [int(row["place"]) for row in rows]


def all_book(timetable: Timetable, students: Sequence[str], session: int, **more: Any) -> list[int]:
    return timetable.ask_all("booking.book", [(name, {"sessionId": session} | more) for name in students])


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


# The order of one student's commands.


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_commands_of_a_student_take_effect_in_the_order_of_their_ids(timetable: Timetable, batch: int) -> None:
    students = timetable.students(8, "CORE-10")
    here, there = timetable.session(soon()), timetable.session(soon() + timedelta(minutes=20))
    bookings = {name: timetable.book(name, here).id for name in students}
    later = hourly(timetable, 4, days=4)
    jobs: list[int] = []

    def ask(kind: str, *wishes: dict[str, Any]) -> None:
        for wish in wishes:
            jobs.extend(timetable.ask_all(kind, [(name, wish) for name in students]))

    def come_in() -> None:
        ask("booking.book", {"sessionId": there})
        jobs.extend(timetable.ask_all("booking.cancel", [(n, {"bookingId": each}) for n, each in bookings.items()]))
        ask("booking.book", {"sessionId": there}, {"sessionId": here}, *({"sessionId": each} for each in later))

    assert timetable.crowd(replace(JOBS, batch=batch), workers=7, meanwhile=[come_in]) == []

    codes = timetable.codes(jobs)
    expected = ["time_conflict", "done", "done", "time_conflict"] + ["done"] * 4
    assert [codes[place::8] for place in range(8)] == [expected] * 8
    told = timetable.studio.rows(
        "SELECT array_agg((data ->> 'sessionId')::bigint ORDER BY sequence) AS sessions"
        " FROM domain_events WHERE type = 'booking.confirmed' GROUP BY student_id"
    )
    assert [row["sessions"] for row in told] == [[here, there, *later]] * 8
    assert timetable.studio.audit() == []


def test_what_follows_a_command_that_another_worker_holds_waits_for_it(timetable: Timetable) -> None:
    (ada,) = timetable.students(1, "CORE-10")
    jobs = timetable.ask_all("booking.book", [(ada, {"sessionId": each}) for each in hourly(timetable, 3)])

    for held in jobs[:2]:
        with transaction(timetable.engine) as session:
            session.connection().exec_driver_sql(f"SELECT FROM jobs WHERE id = {held} FOR UPDATE")
            drain_batch(JOBS, timetable.engine)

        # What comes before it may be done, and nothing that comes after it.
        codes = timetable.codes(jobs)
        assert codes[jobs.index(held) :] == ["QUEUED"] * (3 - jobs.index(held))
    timetable.work()
    assert timetable.codes(jobs) == ["done"] * 3


# Purchases, refunds and the studio meanwhile.


def test_purchases_of_a_student_while_they_book_number_their_events_without_a_gap(timetable: Timetable) -> None:
    students = timetable.students(6, "CORE-10")
    for session in hourly(timetable, 5):
        told: dict[str, Any] = {"amount": 150_000, "email": None}
        names = [f"pi_{session}_{name}" for name in students]
        bought = [
            checkout("SINGLE-RIDE", payment=payment, student=name, **told)
            for name, payment in zip(students, names, strict=True)
        ]
        timetable.studio.receive(*bought)
        jobs = all_book(timetable, students, session)

        def fulfil() -> None:
            while drain_batch(replace(STRIPE_EVENTS, batch=1), timetable.engine):
                pass

        assert timetable.crowd(SINGLY, workers=6, meanwhile=[fulfil, fulfil]) == []

        assert timetable.codes(jobs) == ["done"] * 6
        assert timetable.studio.rows("SELECT id FROM stripe_events WHERE error_code IS NOT NULL") == []
        assert timetable.studio.audit() == []


def test_a_capacity_that_grows_while_students_come_and_go_holds_nobody_up(timetable: Timetable) -> None:
    students = timetable.students(12, "CORE-10")
    sessions = hourly(timetable, 2, capacity=12)
    bookings = [(name, timetable.book(name, session).id) for session in sessions for name in students]
    random.Random(3).shuffle(bookings)
    jobs = timetable.ask_all("booking.cancel", [(name, {"bookingId": booking}) for name, booking in bookings])

    def grow() -> None:
        for capacity in range(13, 33):
            for session in sessions:
                timetable.studio.rows(
                    "UPDATE class_sessions SET capacity = %(n)s WHERE id = %(id)s", n=capacity, id=session
                )

    assert timetable.crowd(replace(JOBS, batch=6), workers=4, meanwhile=[grow]) == []

    assert timetable.codes(jobs) == ["done"] * 24
    assert timetable.studio.audit() == []


def test_students_and_sessions_that_cross_never_wait_for_each_other_in_a_circle(timetable: Timetable) -> None:
    shuffled = random.Random(5)
    students = timetable.students(24, "CORE-10")
    sessions = hourly(timetable, 6, capacity=10) + hourly(timetable, 6, days=4, capacity=10, seats=[1] * 10)
    stood = {name: timetable.book(name, shuffled.choice(sessions)) for name in students}
    bookings = {name: outcome.id for name, outcome in stood.items() if outcome.result}
    before = deadlocks(timetable)
    jobs: list[int] = []

    def come_in() -> None:
        for _ in range(6):
            names = shuffled.sample(students, len(students))
            jobs.extend(
                timetable.ask_all("booking.book", [(name, {"sessionId": shuffled.choice(sessions)}) for name in names])
            )
            movers = [name for name in names if name in bookings]
            moves: list[Asked] = [
                (name, {"bookingId": bookings[name], "sessionId": shuffled.choice(sessions)}) for name in movers
            ]
            half = len(moves) // 2
            jobs.extend(timetable.ask_all("booking.change", moves[:half]))
            jobs.extend(
                timetable.ask_all("booking.cancel", [(n, {"bookingId": w["bookingId"]}) for n, w in moves[half:]])
            )

    def trade() -> None:
        told: dict[str, Any] = {"amount": 150_000, "email": None}
        for number, name in enumerate(shuffled.sample(students, 12)):
            payment = f"pi_crossing_{number}"
            timetable.studio.deliver(checkout("SINGLE-RIDE", payment=payment, student=name, **told))
            timetable.studio.deliver(refund(payment, amount=150_000, refund_id=f"re_crossing_{number}"))

    assert timetable.crowd(replace(JOBS, batch=7), workers=6, meanwhile=[come_in, trade]) == []

    assert "QUEUED" not in timetable.codes(jobs)
    assert deadlocks(timetable) == before
    assert all(timetable.active(session) <= 10 for session in sessions)
    assert timetable.studio.audit() == []


def deadlocks(timetable: Timetable) -> int:
    """How many the server has counted in this database."""
    timetable.studio.rows("SELECT pg_stat_clear_snapshot()")
    row = timetable.studio.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(row["deadlocks"])
