"""Courses that several people plan, and that students enroll in, at the same moment; on real connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import CourseProgram, EnrollmentStatus, StudentCourseEnrollment
from db.transaction import fetch, transaction
from domain.course import cohort, option, program, publish, step
from domain.course.cohort import CohortChange
from domain.errors import InvalidCommand, InvalidField
from tests.domain.calendar.test_file import session
from tests.domain.course.plans import School, course, open_school, school, start
from tests.domain.course.plans import cohort as cohort_entry
from tests.races.test_sessions import WAITING, Plan, outcomes
from tests.stack import wait_for
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS = 20
Doing = Callable[[Session, CourseProgram], object]


@pytest.fixture
def north(studio: Studio) -> School:
    return open_school(studio)


def planning(north: School, doing: Doing) -> Plan:
    """Return a change of the course, as a request makes it."""

    def plan() -> object:
        with north.planning() as (session, found):
            return doing(session, found)

    return plan


def ordering(north: School, ids: list[int]) -> Plan:
    return planning(north, lambda session, found: step.put_in_order(session, found, ids))


def adding(north: School, label: str) -> Plan:
    values = {"label": label, "title": label, "summary": None, "is_required": True}
    new = option.NewOption(north.class_id("BAKE-1-DAY"))
    return planning(north, lambda session, found: step.create(session, found, values, [new], at=AT).id)


def resizing(north: School, capacity: int) -> Plan:
    number = north.cohort_id()

    def resize(session: Session, found: CourseProgram) -> int:
        held = cohort.held(session, found, number)
        cohort.change(session, found, held, CohortChange({"capacity": capacity}), at=AT)
        return held.capacity

    return planning(north, resize)


def test_of_two_orders_at_the_same_moment_the_later_holds_and_none_is_half(north: School) -> None:
    for label in ("BAKE-3", "BAKE-4", "BAKE-5"):
        adding(north, label)()
    ids = [north.step_id(f"BAKE-{number}") for number in range(1, 6)]
    forth, back = ids, ids[::-1]

    for _ in range(ROUNDS):
        assert outcomes(ordering(north, forth), ordering(north, back)) == [type(None)] * 2
        assert [number for number, _ in north.labels()] == [1, 2, 3, 4, 5]
        labels = [label for _, label in north.labels()]
        assert labels in (sorted(labels), sorted(labels, reverse=True))


def test_a_step_that_is_added_meanwhile_is_in_the_order_or_the_order_is_refused(north: School) -> None:
    for number in range(3, 3 + ROUNDS):
        ids = [north.step_id(label) for _, label in north.labels()][::-1]

        ended = outcomes(ordering(north, ids), adding(north, f"BAKE-{number}"))

        assert ended in ([type(None), int], [InvalidField, int])
        assert [position for position, _ in north.labels()] == list(range(1, number + 1))


def test_an_order_waits_for_a_step_that_is_being_added_and_is_refused(north: School) -> None:
    ids = [north.step_id("BAKE-1"), north.step_id("BAKE-2")]
    new = option.NewOption(north.class_id("BAKE-1-DAY"))
    values = {"label": "BAKE-3", "title": "Three", "summary": None, "is_required": True}

    planned = meanwhile(
        north,
        ordering(north, ids[::-1]),
        lambda session: step.create(session, program.held(session, north.id, "BAKE"), values, [new], at=AT),
    )

    with pytest.raises(InvalidField):
        planned.result(10)
    assert north.labels() == [(1, "BAKE-1"), (2, "BAKE-2"), (3, "BAKE-3")]


def test_of_two_who_add_a_step_with_the_same_label_one_does(north: School) -> None:
    for number in range(3, 3 + ROUNDS):
        plan = adding(north, f"BAKE-{number}")

        assert sorted(outcomes(plan, plan), key=str) == sorted([int, InvalidField], key=str)


def test_of_two_who_take_the_last_two_steps_away_one_does(north: School) -> None:
    def removing(number: int) -> Plan:
        return planning(
            north, lambda session, found: step.remove(session, found, step.one(session, found, number), at=AT)
        )

    numbers = [north.step_id("BAKE-1"), north.step_id("BAKE-2")]

    assert sorted(outcomes(*map(removing, numbers)), key=str) == sorted([int, InvalidField], key=str)
    assert len(north.labels()) == 1


def test_a_course_is_not_published_while_it_loses_what_it_needs(studio: Studio) -> None:
    north = open_school(studio, course(published=False))
    number = north.option_id("BAKE-2-DAY")

    def publishing(session: Session, found: CourseProgram) -> None:
        publish.publish(session, found, at=AT)

    def switching(session: Session, found: CourseProgram) -> None:
        of = step.one(session, found, north.step_id("BAKE-2"))
        option.change(session, found, option.one(session, of, number), active=False, at=AT)

    for _ in range(ROUNDS):
        ended = outcomes(planning(north, publishing), planning(north, switching))
        assert sorted(ended, key=str) == sorted([type(None), InvalidField], key=str)
        assert north.published() == north.options("BAKE-2")["BAKE-2-DAY"]
        studio.apply(school(course(published=False)))
        studio.rows("UPDATE course_step_options SET active = true WHERE id = %(id)s", id=number)


def test_a_file_and_admins_plan_the_same_course_without_a_deadlock(north: School) -> None:
    ids = [north.step_id("BAKE-1"), north.step_id("BAKE-2")]
    document = school(course())

    def applying() -> object:
        return len(north.studio.apply(document).created)

    for number in range(ROUNDS):
        ended = outcomes(applying, ordering(north, ids[::-1]), resizing(north, 9 - number % 2))
        assert ended == [int, type(None), int]


def test_a_file_holds_no_session_while_it_waits_for_a_cohort(north: School) -> None:
    """Whoever enrolls holds the cohort first, and its sessions then."""
    number = north.session_id("BAKE-1-DAY")
    smaller = [session(start("BAKE-1", 14), "BAKE-1-DAY", capacity=9)]
    document = school(course(cohorts=[cohort_entry(capacity=9)]), sessions=smaller)

    with ThreadPoolExecutor(1) as pool:
        with transaction(north.studio.engine) as enrolling:
            fetch(enrolling, "SELECT FROM course_cohorts WHERE code = 'WINTER' FOR NO KEY UPDATE")
            applied = pool.submit(north.studio.apply, document)
            wait_for(lambda: north.studio.rows(WAITING), seconds=2, what="the file waits")
            fetch(enrolling, "SELECT FROM class_sessions WHERE id = %(id)s FOR NO KEY UPDATE NOWAIT", id=number)

        assert applied.result(10).updated == ["north/sessions (1)", "north/BAKE"]


def take(session: Session, *places: tuple[int, int]) -> None:
    """Give enrollments places, as the rules do: under the lock of the cohort."""
    fetch(session, "SELECT FROM course_cohorts WHERE code = 'WINTER' FOR NO KEY UPDATE")
    (run,) = fetch(session, "SELECT capacity FROM course_cohorts WHERE code = 'WINTER'")
    values: dict[str, Any] = {"status": EnrollmentStatus.ACTIVE, "review_reason": None}
    for enrollment, place in places:
        mine = update(StudentCourseEnrollment).where(StudentCourseEnrollment.id == enrollment)
        session.execute(mine.values(cohort_capacity=run["capacity"], place=place, **values))


def meanwhile(north: School, plan: Plan, doing: Callable[[Session], object]) -> Future[object]:
    """Do something in a transaction that a plan waits for; return what became of the plan."""
    with ThreadPoolExecutor(1) as pool, transaction(north.studio.engine) as session:
        doing(session)
        planned = pool.submit(plan)
        wait_for(lambda: north.studio.rows(WAITING), seconds=2, what="the plan waits")
        # The plan goes on when this transaction ends, and the pool waits for it.
        session.flush()
        pool.shutdown(wait=False)
    return planned


def test_a_capacity_waits_for_a_place_that_is_being_taken(north: School) -> None:
    places = [(north.enroll(f"s{place}", status=EnrollmentStatus.NEEDS_REVIEW), place) for place in (9, 10)]

    planned = meanwhile(north, resizing(north, 1), lambda session: take(session, *places))

    with pytest.raises(InvalidField, match="at least 2"):
        planned.result(10)
    assert north.places() == [(9, 10), (10, 10)]


def test_a_place_that_is_taken_meanwhile_is_renumbered(north: School) -> None:
    number = north.enroll("ada", status=EnrollmentStatus.NEEDS_REVIEW)

    planned = meanwhile(north, resizing(north, 1), lambda session: take(session, (number, 10)))

    assert planned.result(10) == 1
    assert north.places() == [(1, 1)]


def test_a_place_that_is_given_back_meanwhile_gets_no_number(north: School) -> None:
    numbers = {place: north.enroll(f"s{place}", place) for place in (2, 7, 8)}
    revoke = (
        "UPDATE student_course_enrollments SET status = 'REVOKED', place = NULL, cohort_capacity = NULL"
        " WHERE id = %(id)s"
    )

    planned = meanwhile(north, resizing(north, 3), lambda session: fetch(session, revoke, id=numbers[7]))

    assert planned.result(10) == 3
    assert north.places() == [(2, 3), (3, 3)]


def test_a_cohort_is_not_taken_away_while_somebody_enrolls(north: School) -> None:
    number, run = north.enroll("ada", status=EnrollmentStatus.REVOKED), north.cohort_id()
    removing = planning(north, lambda session, found: cohort.remove(session, cohort.held(session, found, run), at=AT))

    planned = meanwhile(north, removing, lambda session: take(session, (number, 1)))

    with pytest.raises(InvalidCommand):
        planned.result(10)
    assert north.cohort_id() == run


def test_the_database_says_no_whoever_writes(north: School) -> None:
    """Nobody gets a place above a capacity that is set at the same moment."""
    number = north.enroll("ada", status=EnrollmentStatus.NEEDS_REVIEW)
    lower = "UPDATE course_cohorts SET capacity = 5 WHERE code = 'WINTER'"

    def careless() -> object:
        with transaction(north.studio.engine) as session:
            return fetch(session, lower)

    planned = meanwhile(north, careless, lambda session: take(session, (number, 10)))

    with pytest.raises(psycopg.errors.CheckViolation, match="place_within_capacity"):
        planned.result(10)
