"""Plans that are made at the same moment, on real connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest
from sqlalchemy.orm import Session

from db.transaction import fetch, transaction
from domain.calendar import class_session
from domain.calendar.class_session import NewSession
from domain.errors import DomainError, InvalidCatalog, InvalidField, TeacherUnavailable
from tests.stack import wait_for
from tests.studio import Studio

ROUNDS = 20
START = datetime(2026, 12, 1, 15, tzinfo=UTC)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

Plan = Callable[[], object]


def outcomes(*plans: Plan) -> list[type]:
    """Do several things at the same moment, and return what became of each: the kind of error, or of the result."""
    barrier = Barrier(len(plans))

    def at_once(plan: Plan) -> type:
        barrier.wait()
        try:
            return type(plan())
        except DomainError as error:
            return type(error)

    with ThreadPoolExecutor(len(plans)) as pool:
        return list(pool.map(at_once, plans))


def named(studio: Studio, table: str, code: str) -> int:
    return int(studio.one(f"SELECT id FROM {table} WHERE code = %(code)s", code=code)["id"])


def thrive(studio: Studio) -> int:
    return int(studio.one("SELECT id FROM organizations WHERE slug = 'thrive'")["id"])


def planning(studio: Studio, code: str, start_at: datetime, teacher_id: int | None = None) -> Plan:
    """Return the plan of a session of a class, with a teacher."""
    owner, class_id = thrive(studio), named(studio, "group_classes", code)
    wanted = NewSession(class_id, start_at, teacher_id=teacher_id, names_teacher=True)

    def plan() -> int:
        with transaction(studio.engine) as session:
            return class_session.create(session, owner, wanted, at=START).id

    return plan


def test_of_two_admins_who_want_a_teacher_at_the_same_time_one_gets_her(studio: Studio) -> None:
    maya = named(studio, "teachers", "MAYA")

    for number in range(ROUNDS):
        start_at = START + timedelta(hours=2 * number)
        ended = outcomes(
            planning(studio, "CONVERSATION", start_at, maya),
            planning(studio, "LESSON", start_at + timedelta(minutes=30), maya),
        )
        assert sorted(ended, key=str) == sorted([int, TeacherUnavailable], key=str)

    assert studio.count("class_sessions") == ROUNDS


def test_of_two_admins_who_give_away_a_teacher_one_does(studio: Studio) -> None:
    owner, maya = thrive(studio), named(studio, "teachers", "MAYA")
    first, second = planning(studio, "CONVERSATION", START)(), planning(studio, "LESSON", START)()

    def giving(session_id: object) -> Plan:
        def plan() -> object:
            with transaction(studio.engine) as session:
                return class_session.change(session, owner, int(str(session_id)), {"teacher_id": maya}, at=START).id

        return plan

    for _ in range(ROUNDS):
        assert sorted(outcomes(giving(first), giving(second)), key=str) == sorted([int, TeacherUnavailable], key=str)
        studio.rows("UPDATE class_sessions SET teacher_id = NULL")


def test_of_two_who_make_the_same_session_one_does(studio: Studio) -> None:
    for number in range(ROUNDS):
        plan = planning(studio, "LESSON", START + timedelta(hours=number))

        assert sorted(outcomes(plan, plan), key=str) == sorted([int, InvalidField], key=str)


def test_a_file_and_an_admin_do_not_share_a_teacher(studio: Studio) -> None:
    maya = named(studio, "teachers", "MAYA")
    document = {"slug": "thrive", "name": "Thrive", "timezone": "America/New_York", "currency": "USD"}

    for number in range(ROUNDS):
        start_at = START + timedelta(hours=2 * number)
        entry = {"class": "LESSON", "start": start_at.isoformat(timespec="minutes"), "teacher": "MAYA"}
        organization = document | {"credit_price": 5_000, "sessions": [entry]}

        def applying(organization: object = organization) -> object:
            return len(studio.apply({"organizations": [organization]}).created)

        ended = outcomes(applying, planning(studio, "CONVERSATION", start_at, maya))
        assert ended in ([int, TeacherUnavailable], [InvalidCatalog, int])

    assert studio.count("class_sessions") == ROUNDS


def take(studio: Studio, session: Session, session_id: int, *places: int) -> None:
    """Give new students places in a session, as the rules do: under its lock."""
    new = "INSERT INTO students (organization_id, created_at) VALUES (%(owner)s, %(at)s) RETURNING id"
    book = """INSERT INTO bookings (organization_id, student_id, session_id, session_capacity, place, status,
                                    booking_type, payment_type, service_type, minutes, start_at, end_at, created_at)
              SELECT organization_id, %(student)s, id, capacity, %(place)s, 'CONFIRMED', 'DROP_IN', 'FREE',
                     service_type, 60, start_at, end_at, start_at FROM class_sessions WHERE id = %(id)s"""
    fetch(session, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE", id=session_id)
    for place in places:
        (student,) = fetch(session, new, owner=thrive(studio), at=START)
        fetch(session, book, student=student["id"], place=place, id=session_id)


def lowering(studio: Studio, session_id: int, capacity: int) -> Plan:
    owner = thrive(studio)

    def plan() -> int:
        with transaction(studio.engine) as session:
            return class_session.change(session, owner, session_id, {"capacity": capacity}, at=START).capacity

    return plan


def test_a_capacity_waits_for_a_place_that_is_being_taken(studio: Studio) -> None:
    session_id = int(str(planning(studio, "CONVERSATION", START)()))

    with ThreadPoolExecutor(1) as pool:
        with transaction(studio.engine) as session:
            take(studio, session, session_id, 7, 8)
            lowered = pool.submit(lowering(studio, session_id, 1))
            wait_for(lambda: studio.rows(WAITING), seconds=2, what="the capacity waits for the places")

        with pytest.raises(InvalidField, match="at least 2"):
            lowered.result(10)

    assert studio.one("SELECT capacity FROM class_sessions")["capacity"] == 8


def test_a_place_that_is_given_back_meanwhile_gets_no_number(studio: Studio) -> None:
    session_id = int(str(planning(studio, "CONVERSATION", START)()))
    with transaction(studio.engine) as session:
        take(studio, session, session_id, 2, 7, 8)

    with ThreadPoolExecutor(1) as pool:
        with transaction(studio.engine) as session:
            fetch(
                session,
                "UPDATE bookings SET status = 'CANCELLED', place = NULL, session_capacity = NULL WHERE place = 7",
            )
            lowered = pool.submit(lowering(studio, session_id, 3))
            wait_for(lambda: studio.rows(WAITING), seconds=2, what="the capacity waits for the cancellation")

        assert lowered.result(10) == 3

    rows = studio.rows("SELECT place, session_capacity AS capacity FROM bookings ORDER BY id")
    assert [(row["place"], row["capacity"]) for row in rows] == [(2, 3), (None, None), (3, 3)]


def test_the_database_says_no_whoever_writes(studio: Studio) -> None:
    maya = named(studio, "teachers", "MAYA")
    insert = """INSERT INTO class_sessions (organization_id, group_class_id, teacher_id, service_type, start_at, end_at,
                                            capacity, created_at)
                SELECT organization_id, id, %(teacher)s, 'GROUP', %(start)s, %(end)s, 1, %(start)s
                  FROM group_classes WHERE code = %(code)s"""

    def writing(code: str) -> None:
        with transaction(studio.engine) as session:
            fetch(session, insert, teacher=maya, code=code, start=START, end=START + timedelta(hours=1))

    with ThreadPoolExecutor(1) as pool:
        with transaction(studio.engine) as session:
            fetch(session, insert, teacher=maya, code="LESSON", start=START, end=START + timedelta(hours=1))
            late = pool.submit(writing, "CONVERSATION")
            wait_for(lambda: studio.rows(WAITING), seconds=2, what="the second waits for the first")

        with pytest.raises(psycopg.errors.ExclusionViolation, match="ex_class_sessions_teacher"):
            late.result(10)

    assert studio.count("class_sessions") == 1
