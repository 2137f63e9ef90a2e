"""The steps of enrollments, with the sessions that they are booked in, and how far all of them are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.models import (
    OPEN_STEPS,
    Booking,
    ClassSession,
    CourseStep,
    GroupClass,
    StepStatus,
    StudentCourseStepProgress,
    Teacher,
)
from domain.money import share


@dataclass(frozen=True, slots=True)
class StepSession:
    """The session of a step; `teacher_name` is None as long as nobody is named."""

    session_id: int
    group_class_name: str
    start_at: datetime
    end_at: datetime
    teacher_name: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of an enrollment; `id` is that of its progress, `session` None where it is open or was not asked for."""

    id: int
    course_step_id: int
    step_label: str
    step_title: str
    step_order: int
    is_required: bool
    status: StepStatus
    skipped: bool
    course_step_option_id: int | None
    booking_id: int | None
    booked_at: datetime | None
    completed_at: datetime | None
    missed_at: datetime | None
    cancelled_at: datetime | None
    session: StepSession | None = None

    @property
    def step_id(self) -> int:
        """The course's step, by the name that the course has for it."""
        return self.course_step_id

    @property
    def is_open(self) -> bool:
        """Whether it may be booked."""
        return self.status in OPEN_STEPS


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How many steps of an enrollment stand where."""

    total_steps: int
    required_steps: int
    completed_steps: int
    completed_required_steps: int
    booked_steps: int
    open_steps: int
    missed_steps: int

    @property
    def percent(self) -> int:
        """How much of what completes the course is done: of the required steps; where none is required, of all."""
        done, needed = self.completed_required_steps, self.required_steps
        if not needed:
            done, needed = self.completed_steps, self.total_steps
        return share(100 * done, needed) if needed else 0


def progress(steps: Sequence[StepView]) -> ProgressView:
    """Count the steps of an enrollment."""
    required = [step for step in steps if step.is_required]
    return ProgressView(
        total_steps=len(steps),
        required_steps=len(required),
        completed_steps=_count(steps, StepStatus.COMPLETED),
        completed_required_steps=_count(required, StepStatus.COMPLETED),
        booked_steps=_count(steps, StepStatus.BOOKED),
        open_steps=sum(step.is_open for step in steps),
        missed_steps=_count(steps, StepStatus.MISSED),
    )


def _count(steps: Sequence[StepView], status: StepStatus) -> int:
    return sum(step.status is status for step in steps)


def steps_of(
    session: Session, enrollment_ids: Collection[int], *, dated: bool = False
) -> defaultdict[int, tuple[StepView, ...]]:
    """Return the steps of enrollments in their order, by enrollment, with one statement; `dated` with their sessions.

    A step that was removed from the course stays with those who have it.
    """
    if not enrollment_ids:
        return defaultdict(tuple)
    progressed = _with_sessions() if dated else select(StudentCourseStepProgress, CourseStep)
    wanted = (
        progressed.join(CourseStep, CourseStep.id == StudentCourseStepProgress.course_step_id)
        .where(StudentCourseStepProgress.enrollment_id.in_(enrollment_ids))
        .order_by(CourseStep.position, CourseStep.id)
    )
    found: defaultdict[int, tuple[StepView, ...]] = defaultdict(tuple)
    for row, step, *date in session.execute(wanted).tuples():
        found[row.enrollment_id] += (_view(row, step, StepSession(*date) if date and date[0] else None),)
    return found


def _with_sessions() -> Select[Any]:
    return (
        select(
            StudentCourseStepProgress,
            CourseStep,
            ClassSession.id,
            GroupClass.name,
            ClassSession.start_at,
            ClassSession.end_at,
            Teacher.name,
        )
        .select_from(StudentCourseStepProgress)
        .outerjoin(Booking, Booking.id == StudentCourseStepProgress.booking_id)
        .outerjoin(ClassSession, ClassSession.id == Booking.session_id)
        .outerjoin(GroupClass, GroupClass.id == ClassSession.group_class_id)
        .outerjoin(Teacher, Teacher.id == ClassSession.teacher_id)
    )


def _view(row: StudentCourseStepProgress, step: CourseStep, date: StepSession | None) -> StepView:
    return StepView(
        id=row.id,
        course_step_id=step.id,
        step_label=step.label,
        step_title=step.title,
        step_order=step.position,
        is_required=row.is_required,
        status=row.status,
        skipped=row.skipped,
        course_step_option_id=row.course_step_option_id,
        booking_id=row.booking_id,
        booked_at=row.booked_at,
        completed_at=row.completed_at,
        missed_at=row.missed_at,
        cancelled_at=row.cancelled_at,
        session=date,
    )
