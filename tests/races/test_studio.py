"""What the studio does to whole sessions while everybody else goes on: nothing is lost, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from db.transaction import fetch, transaction
from tests.races.bookings import SINGLY, all_book, hourly, places, soon
from tests.stack import wait_for
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import complete_bookings, expire_packages

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
STATUSES = "SELECT status, count(*) AS n FROM bookings WHERE session_id = %(id)s GROUP BY status"
LEFT = """
SELECT a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0) AS n
  FROM student_package_allowances a
"""
BOOK = """
INSERT INTO bookings (organization_id, student_id, session_id, session_capacity, place, status, booking_type,
                      payment_type, service_type, minutes, start_at, end_at, created_at)
SELECT organization_id, %(student)s, id, capacity, %(place)s, 'CONFIRMED', 'DROP_IN', 'FREE', service_type, 45,
       start_at, end_at, created_at FROM class_sessions WHERE id = %(id)s
"""


def statuses(timetable: Timetable, session: int) -> dict[str, int]:
    return {row["status"]: row["n"] for row in timetable.studio.rows(STATUSES, id=session)}


def left(timetable: Timetable) -> set[int]:
    return {int(row["n"]) for row in timetable.studio.rows(LEFT)}


def long_ago(timetable: Timetable, *sessions: int) -> None:
    """Let sessions have ended days ago."""
    for table, key in (("class_sessions", "id"), ("bookings", "session_id")):
        timetable.studio.rows(
            f"UPDATE {table} SET start_at = start_at - interval '9 days', end_at = end_at - interval '9 days'"
            f" WHERE {key} = ANY(%(ids)s)",
            ids=list(sessions),
        )
    timetable.studio.rows("UPDATE student_packages SET starts_at = starts_at - interval '9 days'")


def test_whoever_comes_or_goes_while_it_is_called_off_gets_everything_back(timetable: Timetable) -> None:
    inside, outside = timetable.students(6, "CORE-10"), timetable.students(8, "CORE-10")
    for session in hourly(timetable, 8, capacity=12):
        bookings = [timetable.book(name, session).id for name in inside]
        going = [(name, {"bookingId": each}) for name, each in zip(inside[:3], bookings[:3], strict=True)]
        coming = all_book(timetable, outside[:4], session)
        timetable.ask_all("booking.cancel", going)
        calling_off = [timetable.ask_of_session("session.cancel", session) for _ in range(2)]
        coming += all_book(timetable, outside[4:], session)

        assert timetable.crowd(SINGLY) == []

        assert sorted(timetable.codes(calling_off)) == ["done", "session_cancelled"]
        assert {*timetable.codes(coming)} <= {"done", "session_cancelled"}
        assert statuses(timetable, session).keys() == {"CANCELLED"}
        assert timetable.active(session) == 0
    assert left(timetable) == {10}
    assert timetable.studio.audit() == []


def test_marks_the_clock_and_calling_off_at_once(timetable: Timetable) -> None:
    students = timetable.students(8, "CORE-10")
    for session in hourly(timetable, 6):
        bookings = [timetable.book(name, session).id for name in students]
        long_ago(timetable, session)
        marks = [
            timetable.ask_of_session("session.attend", session, marks=[{"bookingId": each, "status": "NO_SHOW"}])
            for each in bookings
        ]
        calling_off = timetable.ask_of_session("session.cancel", session)

        assert (
            timetable.crowd(SINGLY, meanwhile=[lambda: complete_bookings(timetable.engine, at=clock.now())] * 2) == []
        )

        assert timetable.codes([calling_off]) == ["done"]
        assert {*timetable.codes(marks)} <= {"done", "session_cancelled"}
        assert statuses(timetable, session) == {"CANCELLED": 8}
    assert left(timetable) == {10}
    assert timetable.studio.audit() == []


def test_the_clock_twice_at_once_completes_each_booking_once(timetable: Timetable) -> None:
    students = timetable.students(6, "CORE-10")
    sessions = hourly(timetable, 8)
    bookings = {session: [timetable.book(name, session).id for name in students] for session in sessions}
    long_ago(timetable, *sessions)
    for session, (first, *_) in bookings.items():
        timetable.ask_of_session("session.attend", session, marks=[{"bookingId": first, "status": "NO_SHOW"}])

    clocks = [lambda: complete_bookings(timetable.engine, at=clock.now())] * 3
    assert timetable.crowd(SINGLY, workers=3, meanwhile=clocks) == []
    complete_bookings(timetable.engine, at=clock.now())

    told = timetable.studio.rows("SELECT subject, array_agg(type ORDER BY id) AS types FROM domain_events GROUP BY 1")
    types = {row["subject"]: row["types"][1:] for row in told}
    for first, *others in bookings.values():
        assert timetable.booking(first)["status"] == "NO_SHOW"
        assert types[f"booking/{first}"][-1] == "booking.no_show"
        assert [types[f"booking/{each}"] for each in others] == [["booking.completed"]] * 5
    assert timetable.studio.rows("SELECT 1 FROM class_sessions WHERE completed_at IS NULL") == []
    assert timetable.studio.audit() == []


def test_of_two_who_move_the_same_session_both_do_and_its_bookings_follow_the_last(timetable: Timetable) -> None:
    students = timetable.students(6, "CORE-10")
    for number, session in enumerate(hourly(timetable, 6)):
        for name in students:
            timetable.book(name, session)
        times = [soon(10 + number), soon(20 + number)]
        moves = [timetable.ask_of_session("session.move", session, startAt=each.isoformat()) for each in times]

        assert timetable.crowd(SINGLY, workers=4) == []

        assert timetable.codes(moves) == ["done", "done"]
        rows = timetable.studio.rows("SELECT DISTINCT start_at FROM bookings WHERE session_id = %(id)s", id=session)
        assert len(rows) == 1
        assert rows[0]["start_at"] in times
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("tier", [0, None], ids=["a teacher", "nobody"])
def test_sessions_of_a_class_that_want_each_others_time_stay_where_they_are(
    timetable: Timetable, tier: int | None
) -> None:
    for number in range(12):
        first, second = soon(3 + number), soon(3 + number, 9)
        one = timetable.session(first, tier=tier)
        other = int(
            timetable.studio.one(
                "INSERT INTO class_sessions (organization_id, group_class_id, teacher_id, service_type, start_at,"
                " end_at, capacity, created_at) SELECT organization_id, group_class_id, teacher_id, service_type,"
                " %(start)s, %(end)s, capacity, created_at FROM class_sessions WHERE id = %(id)s RETURNING id",
                id=one,
                start=second,
                end=second + timedelta(minutes=45),
            )["id"]
        )
        moves = [
            timetable.ask_of_session("session.move", session, startAt=start.isoformat())
            for session, start in ((one, second), (other, first))
        ]

        assert timetable.crowd(SINGLY, workers=4) == []

        assert {*timetable.codes(moves)} <= {"validation_failed", "teacher_unavailable"}
    assert timetable.studio.audit() == []


def test_sessions_with_the_same_students_do_not_come_to_the_same_time(timetable: Timetable) -> None:
    students = timetable.students(6, "CORE-10")
    for number in range(5):
        sessions = hourly(timetable, 2, days=3 + number)
        for session in sessions:
            for name in students:
                timetable.book(name, session)
        start = soon(3 + number, 15).isoformat()
        moves = [timetable.ask_of_session("session.move", each, startAt=start) for each in sessions]

        assert timetable.crowd(SINGLY, workers=4) == []

        assert Counter(timetable.codes(moves)) == {"done": 1, "time_conflict": 1}
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("product", ["CORE-10", "ALL-ACCESS-30"])
def test_whoever_comes_or_goes_while_it_is_moved_is_where_the_session_is(timetable: Timetable, product: str) -> None:
    inside, outside = timetable.students(6, product), timetable.students(6, product)
    for number in range(5):
        session, other = timetable.session(soon(3 + number), capacity=9), timetable.session(soon(13 + number))
        bookings = [timetable.book(name, session).id for name in inside]
        moves = [timetable.ask_of_session("session.move", session, startAt=soon(3 + number, 7).isoformat())]
        changes: list[Any] = [
            (name, {"bookingId": each, "sessionId": other}) for name, each in zip(inside[:3], bookings[:3], strict=True)
        ]
        timetable.ask_all("booking.change", changes)
        coming = all_book(timetable, outside, session)
        moves.append(timetable.ask_of_session("session.move", session, startAt=soon(3 + number, 9).isoformat()))

        assert timetable.crowd(SINGLY) == []

        assert timetable.codes(moves) == ["done", "done"]
        assert {*timetable.codes(coming)} <= {"done", "session_full"}
        assert len(places(timetable, session)) <= 9
        assert timetable.studio.audit() == []


def test_a_line_and_a_session_that_is_called_off_or_grows(timetable: Timetable) -> None:
    inside, outside = timetable.students(3, "CORE-10"), timetable.students(6, "CORE-10")
    for number in range(6):
        session = timetable.session(soon(3 + number), capacity=3)
        bookings = [timetable.book(name, session).id for name in inside]
        for name in outside[:4]:
            timetable.join(name, session)
        going = [(name, {"bookingId": each}) for name, each in zip(inside, bookings, strict=True)]
        timetable.ask_all("booking.cancel", going)
        timetable.ask_all("waitlist.join", [(name, {"sessionId": session}) for name in outside[4:]])
        moving = timetable.ask_of_session("session.move", session, startAt=soon(3 + number, 8).isoformat())
        timetable.ask_all("waitlist.leave", [(outside[0], {"sessionId": session})])
        calling_off = timetable.ask_of_session("session.cancel", session)

        assert timetable.crowd(SINGLY) == []

        assert timetable.codes([calling_off]) == ["done"]
        assert {*timetable.codes([moving])} <= {"done", "session_cancelled"}
        assert timetable.active(session) == 0
        assert {status for _, status, _ in timetable.line(session)} <= {"CLOSED", "LEFT", "PROMOTED"}
    assert left(timetable) == {10}
    assert timetable.studio.audit() == []


def test_whoever_came_between_the_locks_is_waited_for_and_not_forgotten(timetable: Timetable) -> None:
    session = timetable.session(soon())
    ada, eve = timetable.student("ada"), timetable.student("eve")
    with transaction(timetable.engine) as tables:
        fetch(tables, BOOK, student=ada, place=1, id=session)
    timetable.ask_of_session("session.cancel", session)

    with ThreadPoolExecutor(1) as pool, ExitStack() as holding:
        with transaction(timetable.engine) as coming:
            fetch(coming, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE", id=session)
            fetch(coming, BOOK, student=eve, place=2, id=session)
            working = pool.submit(timetable.crowd, SINGLY, workers=1)
            wait_for(lambda: timetable.studio.rows(WAITING), seconds=2, what="the studio waits for the session")
            holder = holding.enter_context(transaction(timetable.engine))
            fetch(holder, "SELECT FROM students WHERE id = %(id)s FOR NO KEY UPDATE", id=eve)
        wait_for(lambda: timetable.studio.rows(WAITING), seconds=2, what="the studio waits for who came")
        with transaction(timetable.engine) as others:
            # Nothing is held meanwhile that others may need.
            fetch(others, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE NOWAIT", id=session)
        holding.close()
        assert working.result(10) == []

    assert statuses(timetable, session) == {"CANCELLED": 2}
    assert timetable.studio.rows("SELECT 1 FROM jobs WHERE status <> 'SUCCEEDED' OR attempts > 0") == []


@pytest.mark.parametrize("table", ["teachers", "group_classes"])
def test_whoever_plans_is_waited_for_before_the_session_is_held(timetable: Timetable, table: str) -> None:
    session = timetable.session(soon(), tier=0)
    job = timetable.ask_of_session("session.move", session, startAt=soon(4).isoformat())

    with ThreadPoolExecutor(1) as pool:
        with transaction(timetable.engine) as planning:
            fetch(planning, f"SELECT FROM {table} ORDER BY id FOR NO KEY UPDATE")
            working = pool.submit(timetable.crowd, SINGLY, workers=1)
            wait_for(lambda: timetable.studio.rows(WAITING), seconds=2, what="the move waits for the plan")
            fetch(planning, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE NOWAIT", id=session)
        assert working.result(10) == []

    assert timetable.codes([job]) == ["done"]


def test_drafts_end_once_while_they_are_scheduled(timetable: Timetable) -> None:
    students = timetable.students(5, "WELLNESS-3")
    session = timetable.session(soon(), org="thrive", service="PRIVATE", minutes=60, capacity=9)
    timetable.ask_all("booking.book", [(name, {"sessionId": session}) for name in students], org="thrive")
    timetable.studio.rows("UPDATE student_packages SET expires_at = %(at)s", at=soon(1))
    clocks = [lambda: expire_packages(timetable.engine, at=soon(2))] * 3

    assert timetable.crowd(SINGLY, workers=4, meanwhile=clocks) == []

    rows = timetable.studio.rows("SELECT 1 FROM domain_events WHERE type = 'package.expired'")
    assert len(rows) == 5
    assert timetable.studio.rows("SELECT 1 FROM bookings WHERE status = 'DRAFT'") == []
