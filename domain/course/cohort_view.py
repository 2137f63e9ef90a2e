"""The dated runs of a course: which sessions they have, and whether somebody can still come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from db.models import (
    ClassSession,
    CourseCohort,
    CourseCohortSession,
    CourseProgram,
    CourseStep,
    CourseStepOption,
    Product,
    StudentCourseEnrollment,
)
from domain.calendar import calendar
from domain.calendar.calendar import OFFERED, CalendarRow
from domain.course.course_view import on_sale
from domain.listing import Part, oldest_first


@dataclass(frozen=True, slots=True)
class CohortSession:
    """A session that serves an option of a step in a cohort."""

    course_step_option_id: int
    step_id: int
    step_label: str
    session_id: int
    start_at: datetime
    end_at: datetime
    spots_available: int


@dataclass(frozen=True, slots=True)
class CohortView:
    """A dated run of a course. Its sessions are in the order of their starts, without those that were called off."""

    id: int
    code: str
    name: str
    capacity: int
    places_available: int
    is_enrollment_open: bool
    enrollment_deadline: datetime
    sessions: tuple[CohortSession, ...]

    @property
    def is_full(self) -> bool:
        """Whether nobody can come to it any more."""
        return self.places_available == 0

    @property
    def starts_at(self) -> datetime | None:
        """When its first session begins; None without sessions."""
        return min((each.start_at for each in self.sessions), default=None)

    @property
    def ends_at(self) -> datetime | None:
        """When its last session is over; None without sessions."""
        return max((each.end_at for each in self.sessions), default=None)


def cohorts(
    session: Session, organization_id: int, course_code: str, part: Part, *, at: datetime
) -> list[CohortView] | None:
    """Return the cohorts of a published course, oldest first; None where an organization has no such course.

    Six statements, however many there are.
    """
    named = on_sale(organization_id).where(Product.code == course_code)
    program_id = session.scalar(named.with_only_columns(CourseProgram.id))
    if program_id is None:
        return None
    standing = select(CourseCohort, _taken()).where(
        CourseCohort.course_program_id == program_id, CourseCohort.deleted_at.is_(None)
    )
    rows = session.execute(oldest_first(standing, CourseCohort.id, part)).tuples().all()
    found = _sessions(session, [cohort.id for cohort, _ in rows])
    return [_view(cohort, taken, found[cohort.id], at) for cohort, taken in rows]


def _taken() -> ScalarSelect[int]:
    """Return how many places of a cohort are taken."""
    places = select(func.count()).where(
        StudentCourseEnrollment.cohort_id == CourseCohort.id, StudentCourseEnrollment.place.is_not(None)
    )
    return places.scalar_subquery()


def _sessions(session: Session, cohort_ids: Sequence[int]) -> defaultdict[int, list[CohortSession]]:
    """Return by cohort which sessions take place, of options that may be booked."""
    mapped = (
        select(CourseCohortSession.cohort_id, CourseStepOption.id, CourseStep.id, CourseStep.label, ClassSession.id)
        .join(CourseStepOption, CourseStepOption.id == CourseCohortSession.course_step_option_id)
        .join(CourseStep, CourseStep.id == CourseStepOption.course_step_id)
        .join(ClassSession, ClassSession.id == CourseCohortSession.session_id)
        .where(
            CourseCohortSession.cohort_id.in_(cohort_ids),
            CourseStepOption.active,
            CourseStepOption.deleted_at.is_(None),
            CourseStep.deleted_at.is_(None),
            *OFFERED,
        )
        .order_by(ClassSession.start_at, CourseCohortSession.id)
    )
    rows = session.execute(mapped).tuples().all()
    ids = select(ClassSession.id).where(ClassSession.id.in_({row[-1] for row in rows}))
    dates = {row.id: row for row in calendar.of_ids(session, ids)}
    found: defaultdict[int, list[CohortSession]] = defaultdict(list)
    for cohort_id, option_id, step_id, label, session_id in rows:
        found[cohort_id].append(_session(option_id, step_id, label, dates[session_id]))
    return found


def _session(option_id: int, step_id: int, label: str, date: CalendarRow) -> CohortSession:
    return CohortSession(option_id, step_id, label, date.id, date.start_at, date.end_at, date.spots_available)


def _view(cohort: CourseCohort, taken: int, sessions: Sequence[CohortSession], at: datetime) -> CohortView:
    return CohortView(
        id=cohort.id,
        code=cohort.code,
        name=cohort.name,
        capacity=cohort.capacity,
        places_available=max(cohort.capacity - taken, 0),
        is_enrollment_open=at < cohort.enrollment_deadline,
        enrollment_deadline=cohort.enrollment_deadline,
        sessions=tuple(sessions),
    )
