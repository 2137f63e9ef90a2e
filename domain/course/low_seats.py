"""Sessions ahead that serve a step of a course and have few free places, or none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from db.models import (
    OPEN_STEPS,
    Booking,
    ClassSession,
    CourseStepOption,
    Seat,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
)
from domain.calendar import calendar
from domain.calendar.calendar import OFFERED, CalendarRow
from domain.course.marks import CourseMark, marks
from domain.course.report import Key, steps_of_enrolled

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LowSeatsLine:
    """A session that serves a step; `students_to_book` are enrolled, and have the step open."""

    course_code: str
    course_title: str
    step_id: int
    step_label: str
    step_order: int
    session_id: int
    group_class_name: str
    start_at: datetime
    spots_available: int
    capacity: int
    students_to_book: int
    key: Key


def low_seats_report(session: Session, organization_id: int, threshold: int, *, at: datetime) -> list[LowSeatsLine]:
    """Return the sessions ahead with at most so many free places, in the order of their starts; five statements.

    One that serves several steps is there once for each.
    """
    few = calendar.of_ids(session, _few(organization_id, threshold, at=at))
    rows = [row for row in few if row.spots_available <= threshold]
    served = marks(session, {row.group_class_id for row in rows})
    waiting = _to_book(session, organization_id, {mark.step_id for each in served.values() for mark in each})
    return [
        _line(row, mark, waiting.get(mark.step_id, 0)) for row in rows for mark in served.get(row.group_class_id, ())
    ]


def _few(organization_id: int, threshold: int, *, at: datetime) -> Select[tuple[int]]:
    """Return the ids of sessions ahead of classes that serve steps: of those with seats all, which say more."""
    taken = select(func.count()).where(Booking.session_id == ClassSession.id, Booking.place.is_not(None))
    seated = exists().where(Seat.group_class_id == ClassSession.group_class_id)
    return select(ClassSession.id).where(
        ClassSession.organization_id == organization_id,
        ClassSession.start_at > at,
        *OFFERED,
        ClassSession.group_class_id.in_(select(CourseStepOption.group_class_id)),
        or_(ClassSession.capacity - taken.scalar_subquery() <= threshold, seated),
    )


def _to_book(session: Session, organization_id: int, step_ids: Collection[int]) -> dict[int, int]:
    """Return by step how many students are enrolled and have it open."""
    own = StudentCourseStepProgress.course_step_id
    students = func.count(StudentCourseEnrollment.student_id.distinct())
    still_open = steps_of_enrolled(organization_id, own, students).where(
        own.in_(step_ids), StudentCourseStepProgress.status.in_(OPEN_STEPS)
    )
    return dict(session.execute(still_open.group_by(own)).tuples().all())


def _line(row: CalendarRow, mark: CourseMark, students: int) -> LowSeatsLine:
    return LowSeatsLine(
        course_code=mark.course_code,
        course_title=mark.course_title,
        step_id=mark.step_id,
        step_label=mark.step_label,
        step_order=mark.step_order,
        session_id=row.id,
        group_class_name=row.group_class_name,
        start_at=row.start_at,
        spots_available=row.spots_available,
        capacity=row.capacity,
        students_to_book=students,
        key=((row.start_at - EPOCH) // timedelta(microseconds=1), row.id, mark.step_id),
    )
