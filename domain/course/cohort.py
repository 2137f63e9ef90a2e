"""Dated runs of a course: made, changed and taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from db.models import CourseCohort, CourseProgram, EnrollmentStatus, StudentCourseEnrollment
from db.transaction import fetch
from domain.constraint import told
from domain.course import cohort_session, publish
from domain.course.cohort_session import Serving
from domain.errors import InvalidCommand, InvalidField, NotFound
from domain.listing import Part, oldest_first

CODE_TWICE = "uq_course_cohorts_code"

# From places above the capacity to free ones below it, as in a session. Who gives a place back locks no cohort: what
# is revoked meanwhile gets no number any more.
RENUMBER = """
WITH high AS (
    SELECT id, row_number() OVER (ORDER BY place) AS n FROM student_course_enrollments
     WHERE cohort_id = %(id)s AND place > %(capacity)s
), free AS (
    SELECT number, row_number() OVER (ORDER BY number) AS n FROM generate_series(1, %(capacity)s::int) AS number
     WHERE NOT EXISTS (SELECT FROM student_course_enrollments e WHERE e.cohort_id = %(id)s AND e.place = number)
)
UPDATE student_course_enrollments AS e SET place = free.number FROM high JOIN free USING (n)
 WHERE e.id = high.id AND e.place IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class CohortChange:
    """What is to be different in a cohort; None leaves its sessions as they are."""

    values: Mapping[str, Any]
    sessions: Sequence[Serving] | None = None


@dataclass(frozen=True, slots=True)
class PlannedCohort:
    """A cohort with how many places are taken; of its sessions those that can be chosen now."""

    id: int
    code: str
    name: str
    capacity: int
    places_taken: int
    enrollment_deadline: datetime
    sessions: tuple[Serving, ...]


def cohorts(session: Session, course: CourseProgram, part: Part) -> list[PlannedCohort]:
    """Return the cohorts of a course, as they were made."""
    own = select(CourseCohort).where(CourseCohort.course_program_id == course.id, CourseCohort.deleted_at.is_(None))
    rows = session.scalars(oldest_first(own.options(selectinload(CourseCohort.sessions)), CourseCohort.id, part)).all()
    return views(session, course, rows)


def views(session: Session, course: CourseProgram, rows: Sequence[CourseCohort]) -> list[PlannedCohort]:
    """Return cohorts as they are shown; three statements however many they are."""
    taken, options = _taken(session, [row.id for row in rows]), cohort_session.options_of(session, course)
    return [
        PlannedCohort(
            row.id,
            row.code,
            row.name,
            row.capacity,
            taken.get(row.id, 0),
            row.enrollment_deadline.astimezone(UTC),
            tuple(
                Serving(each.course_step_option_id, each.session_id)
                for each in row.sessions
                if each.course_step_option_id in options
            ),
        )
        for row in rows
    ]


def held(session: Session, course: CourseProgram, cohort_id: int) -> CourseCohort:
    """Return a cohort, locked so that nobody gets a place in it meanwhile.

    Raises:
        NotFound: the course has none of that id, or not any more.

    """
    own = select(CourseCohort).where(CourseCohort.course_program_id == course.id, CourseCohort.id == cohort_id)
    found = session.scalar(own.where(CourseCohort.deleted_at.is_(None)).with_for_update())
    if found is None:
        raise NotFound("There is no cohort of this id.")
    return found


def create(
    session: Session, course: CourseProgram, values: Mapping[str, Any], sessions: Sequence[Serving], *, at: datetime
) -> CourseCohort:
    """Make a cohort of a course, which the caller holds locked.

    Raises:
        InvalidField: another cohort has its code, a session cannot serve its option, or the course is published and
            the cohort would be larger than what serves a step in it.

    """
    cohort = add(session, course, values, sessions, at=at)
    publish.recheck(session, course, cohort, "capacity", at=at)
    return cohort


def add(
    session: Session, course: CourseProgram, values: Mapping[str, Any], sessions: Sequence[Serving], *, at: datetime
) -> CourseCohort:
    """Make a cohort as `create` does, without a look at whether there is room in it."""
    cohort = CourseCohort(
        organization_id=course.organization_id, course_program_id=course.id, created_at=at, sessions=[], **values
    )
    with told(session, {CODE_TWICE: InvalidField("code", "Choose another code: a cohort of this course has it.")}):
        session.add(cohort)
    cohort_session.set_sessions(session, course, cohort, sessions)
    return cohort


def change(
    session: Session, course: CourseProgram, cohort: CourseCohort, wanted: CohortChange, *, at: datetime
) -> None:
    """Change what is named of a cohort, which the caller holds locked with its course.

    Raises:
        InvalidField: more places are taken than it would have, a session cannot serve its option, or the course is
            published and the cohort would be larger than what serves a step in it.

    """
    if put(session, course, cohort, wanted):
        publish.recheck(session, course, cohort, "capacity", at=at)


def put(session: Session, course: CourseProgram, cohort: CourseCohort, wanted: CohortChange) -> bool:
    """Change a cohort as `change` does, without a look at whether there is room in it; say whether that is a change."""
    different = {key: value for key, value in wanted.values.items() if getattr(cohort, key) != value}
    if "capacity" in different:
        _make_room(session, cohort, different["capacity"])
    for key, value in different.items():
        setattr(cohort, key, value)
    session.flush()
    if wanted.sessions is None:
        return bool(different)
    return cohort_session.set_sessions(session, course, cohort, wanted.sessions) or bool(different)


def remove(session: Session, cohort: CourseCohort, *, at: datetime) -> None:
    """Take a cohort, which the caller holds locked, away.

    Raises:
        InvalidCommand: somebody is enrolled in it, or waits for staff with it.

    """
    named = select(StudentCourseEnrollment.id).where(
        StudentCourseEnrollment.cohort_id == cohort.id, StudentCourseEnrollment.status != EnrollmentStatus.REVOKED
    )
    if session.scalar(named.limit(1)) is not None:
        raise InvalidCommand("Somebody is enrolled in this cohort: assign them to another one first, or refund them.")
    cohort.deleted_at = at
    session.flush()


def _make_room(session: Session, cohort: CourseCohort, capacity: int) -> None:
    """Prepare a cohort for a new capacity: nobody keeps a place above it."""
    taken = _taken(session, [cohort.id]).get(cohort.id, 0)
    if taken > capacity:
        raise InvalidField("capacity", f"Choose at least {taken}: so many places are taken.")
    fetch(session, RENUMBER, id=cohort.id, capacity=capacity)


def _taken(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """Return how many places are taken, by cohort."""
    taken = (
        select(StudentCourseEnrollment.cohort_id, func.count())
        .where(StudentCourseEnrollment.cohort_id.in_(ids), StudentCourseEnrollment.place.is_not(None))
        .group_by(StudentCourseEnrollment.cohort_id)
    )
    return {cohort_id: count for cohort_id, count in session.execute(taken) if cohort_id is not None}
