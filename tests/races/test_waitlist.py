"""Lines and teachers that many want at once: in turn, and nobody twice."""

from __future__ import annotations

from collections import Counter
from datetime import time, timedelta
from typing import Any

from db.transaction import fetch, transaction
from domain.calendar import class_session
from tests.races.bookings import INBOXES, SINGLY, all_book, places, soon
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS

WEEK = range(1, 8)


def waiting(timetable: Timetable, session: int, number: int, product: str = "SINGLE-RIDE") -> list[str]:
    """Return students who wait for a session, in turn."""
    students = timetable.students(number, product)
    for student in students:
        assert timetable.join(student, session).code == "done"
    return students


def full(timetable: Timetable, capacity: int, **more: Any) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
    """Return a full session, and the cancellations that would empty it."""
    session = timetable.session(more.pop("start", soon()), capacity=capacity, **more)
    jobs = all_book(timetable, timetable.students(capacity), session)
    timetable.work()
    assert timetable.codes(jobs) == ["done"] * capacity
    return session, cancellations(timetable, session)


def cancellations(timetable: Timetable, session: int) -> list[tuple[str, dict[str, Any]]]:
    rows = timetable.studio.rows(
        "SELECT s.external_id AS student, b.id FROM bookings b JOIN students s ON s.id = b.student_id"
        " WHERE b.session_id = %(id)s AND b.place IS NOT NULL ORDER BY b.id",
        id=session,
    )
    return [(row["student"], {"bookingId": row["id"]}) for row in rows]


def status(timetable: Timetable, session: int) -> Counter[str]:
    return Counter(status for _, status, _ in timetable.line(session))


@INBOXES
def test_free_places_go_to_the_first_in_line_whoever_else_wants_them(timetable: Timetable, inbox: Any) -> None:
    session, given_up = full(timetable, 4)
    line = waiting(timetable, session, 8)
    outsiders = timetable.students(20)
    done = timetable.ask_all("booking.cancel", given_up)
    refused = all_book(timetable, outsiders, session)

    assert timetable.crowd(inbox) == []

    assert timetable.codes(done) == ["done"] * 4
    assert Counter(timetable.codes(refused)) == {"session_full": 20}
    assert timetable.who(session) == sorted(line[:4])
    assert status(timetable, session) == {"PROMOTED": 4, "WAITING": 4}
    assert timetable.studio.audit() == []


def test_a_line_that_is_called_and_students_who_book_take_no_place_twice(timetable: Timetable) -> None:
    session, _ = full(timetable, 3)
    line = waiting(timetable, session, 4)
    outsiders = timetable.students(30)

    def more_room() -> None:
        with transaction(timetable.engine) as own:
            class_session.change(own, timetable.organization("lumen"), session, {"capacity": 20}, at=clock.now())

    for _ in range(3):
        jobs = all_book(timetable, outsiders, session)
        assert timetable.crowd(SINGLY, meanwhile=[more_room]) == []

    assert set(line) <= set(timetable.who(session))
    assert places(timetable, session) == list(range(1, 21))
    assert Counter(timetable.codes(jobs)).keys() <= {"already_booked", "session_full"}
    assert timetable.studio.audit() == []


def test_a_line_is_not_called_while_somebody_books_into_its_session(timetable: Timetable) -> None:
    session, (given_up,) = full(timetable, 1)
    waiting(timetable, session, 1)
    timetable.ask_all("booking.cancel", [given_up])
    drain_batch(JOBS, timetable.engine)

    # As who books does, and who keeps longer than anybody waits.
    with transaction(timetable.engine) as other:
        fetch(other, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE", id=session)
        drain_batch(JOBS, timetable.engine)
        assert status(timetable, session) == {"WAITING": 1}
    timetable.studio.rows("UPDATE jobs SET due_at = received_at")
    timetable.work()

    assert status(timetable, session) == {"PROMOTED": 1}


def test_a_line_is_called_once_for_each_place_while_some_leave_it(timetable: Timetable) -> None:
    session, given_up = full(timetable, 5)
    line = waiting(timetable, session, 14)
    timetable.ask_all("booking.cancel", given_up)
    left = timetable.ask_all("waitlist.leave", [(student, {"sessionId": session}) for student in line[:8]])

    assert timetable.crowd(SINGLY) == []

    codes = Counter(timetable.codes(left))
    assert codes["done"] + codes["not_found"] == 8
    assert status(timetable, session)["PROMOTED"] == 5
    assert status(timetable, session)["LEFT"] == codes["done"]
    assert places(timetable, session) == list(range(1, 6))
    assert timetable.studio.audit() == []


@INBOXES
def test_one_credit_brings_one_of_three_places(timetable: Timetable, inbox: Any) -> None:
    sessions = [full(timetable, 1, start=soon() + timedelta(hours=2 * number)) for number in range(3)]
    (ada,) = timetable.students(1)
    for session, _ in sessions:
        timetable.join(ada, session)
    elsewhere = timetable.session(soon(5))
    booked = timetable.ask("booking.book", ada, sessionId=elsewhere)
    timetable.ask_all("booking.cancel", [given_up for _, (given_up,) in sessions])

    assert timetable.crowd(inbox) == []

    total = Counter[str]()
    for session, _ in sessions:
        total += status(timetable, session)
    assert total["PROMOTED"] + (timetable.outcome(booked).code == "done") == 1
    assert total["SKIPPED"] == 3 - total["PROMOTED"]
    assert timetable.studio.audit() == []


@INBOXES
def test_of_overlapping_sessions_a_student_gets_one(timetable: Timetable, inbox: Any) -> None:
    sessions = [full(timetable, 1, start=soon() + timedelta(minutes=10 * number)) for number in range(4)]
    (ada,) = timetable.students(1, "CORE-10")
    for session, _ in sessions:
        timetable.join(ada, session)
    timetable.ask_all("booking.cancel", [given_up for _, (given_up,) in sessions])

    assert timetable.crowd(inbox) == []

    total = sum((status(timetable, session) for session, _ in sessions), Counter[str]())
    assert total["PROMOTED"] == 1
    assert total["WAITING"] == 0
    assert timetable.studio.audit() == []


def test_a_promotion_that_is_undone_goes_to_the_next_and_does_not_come_back(timetable: Timetable) -> None:
    session, given_up = full(timetable, 2)
    line = waiting(timetable, session, 6)
    timetable.ask_all("booking.cancel", given_up)
    timetable.work()
    assert timetable.who(session) == sorted(line[:2])
    timetable.ask_all("booking.cancel", cancellations(timetable, session))

    assert timetable.crowd(SINGLY) == []

    assert timetable.who(session) == sorted(line[2:4])
    assert status(timetable, session) == {"LEFT": 2, "PROMOTED": 2, "WAITING": 2}
    assert timetable.studio.audit() == []


@INBOXES
def test_a_teacher_whom_ten_ask_for_one_time_gives_one_session(timetable: Timetable, inbox: Any) -> None:
    timetable.studio.rows("UPDATE teachers SET active = false")
    maya = timetable.teacher("thrive")
    for weekday in WEEK:
        timetable.hours(maya, time(0), time(23, 59), weekday=weekday)
    students = timetable.students(10, "WELLNESS-3")
    drafts = [
        timetable.studio.one(
            "SELECT min(b.id) AS id FROM bookings b JOIN students s ON s.id = b.student_id"
            " WHERE s.external_id = %(name)s",
            name=student,
        )["id"]
        for student in students
    ]
    start = soon(3, 15)
    asked = [
        (student, {"bookingId": draft, "startTime": (start + timedelta(minutes=5 * number)).isoformat()})
        for number, (student, draft) in enumerate(zip(students, drafts, strict=True))
    ]
    jobs = timetable.ask_all("booking.schedule", asked, org="thrive")

    assert timetable.crowd(inbox) == []

    assert Counter(timetable.codes(jobs)) == {"done": 1, "teacher_unavailable": 9}
    assert timetable.studio.audit() == []
