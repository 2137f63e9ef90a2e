"""Commands of a student in their order, and commands beside purchases, refunds and the studio's own changes."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from db.transaction import fetch, transaction
from tests.races.bookings import SINGLY, Asked, all_book, hourly, soon
from tests.stack import wait_for
from tests.stripe_objects import checkout, refund
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS
from worker.stripe_inbox import STRIPE_EVENTS

WAITING = """
SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

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


def test_what_follows_a_command_that_is_to_be_tried_later_waits_for_it(timetable: Timetable) -> None:
    (ada,) = timetable.students(1, "CORE-10")
    jobs = timetable.ask_all("booking.book", [(ada, {"sessionId": each}) for each in hourly(timetable, 3)])
    later = "UPDATE jobs SET due_at = due_at + interval '1 minute' * %(by)s WHERE id = %(id)s"
    timetable.studio.rows(later, by=1, id=jobs[1])

    timetable.work()
    assert timetable.codes(jobs) == ["done", "QUEUED", "QUEUED"]

    timetable.studio.rows(later, by=-1, id=jobs[1])
    timetable.work()
    assert timetable.codes(jobs) == ["done"] * 3


def test_a_guest_who_was_sent_away_does_not_come_back_when_their_host_moves(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    here, there = timetable.session(soon()), timetable.session(soon(4))
    both = timetable.book("ada", here, friend={"name": "Grace", "email": "grace@example.com"}).result
    assert both
    guest = {"bookingId": both["guestBooking"]["id"]}
    timetable.cancel("ada", guest["bookingId"])
    move = {"bookingId": both["booking"]["id"], "sessionId": there}
    jobs = [timetable.ask("booking.cancel", "ada", **guest), timetable.ask("booking.change", "ada", **move)]

    timetable.work()

    assert timetable.codes(jobs) == ["booking_closed", "done"]
    assert (timetable.active(here), timetable.active(there)) == (0, 1)
    assert timetable.studio.audit() == []


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


def test_a_booking_that_waited_for_its_session_knows_the_teacher_of_today(timetable: Timetable) -> None:
    timetable.buy("ada", "PREMIUM-3")
    session = timetable.session(
        clock.now() + timedelta(days=3), org="thrive", service="PRIVATE", minutes=30, capacity=1, tier=20
    )
    other = timetable.teacher("thrive", 20)
    job = timetable.ask("booking.book", "ada", org="thrive", sessionId=session)

    with ThreadPoolExecutor(1) as pool:
        with transaction(timetable.engine) as plan:
            fetch(plan, "UPDATE class_sessions SET teacher_id = %(new)s WHERE id = %(id)s", new=other, id=session)
            working = pool.submit(timetable.work)
            wait_for(lambda: timetable.studio.one(WAITING)["n"], what="the wait for the session")
        working.result()

    assert timetable.outcome(job).code == "done"
