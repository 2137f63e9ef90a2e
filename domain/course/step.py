"""The ordered steps of a course: added, changed, put in another order, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from db.models import (
    OPEN_STEPS,
    CourseProgram,
    CourseStep,
    EnrollmentStatus,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
)
from domain.constraint import told
from domain.course import option, publish
from domain.course.entries import MAX_STEPS
from domain.course.option import NewOption
from domain.errors import InvalidCommand, InvalidField, NotFound

LABEL_TWICE = "uq_course_steps_label"
# Where steps wait while others take their places: no position is taken twice, not even in between.
ASIDE = 10_000


def standing(session: Session, course: CourseProgram) -> list[CourseStep]:
    """Return the steps that stand, in their order."""
    own = select(CourseStep).where(CourseStep.course_program_id == course.id, CourseStep.deleted_at.is_(None))
    return list(session.scalars(own.order_by(CourseStep.position)))


def one(session: Session, course: CourseProgram, step_id: int) -> CourseStep:
    """Return a step of a course with its options, as they stand now.

    Raises:
        NotFound: it has none of that id, or not any more.

    """
    own = select(CourseStep).where(CourseStep.course_program_id == course.id, CourseStep.id == step_id)
    whole = own.where(CourseStep.deleted_at.is_(None)).options(selectinload(CourseStep.options))
    found = session.scalar(whole.execution_options(populate_existing=True))
    if found is None:
        raise NotFound("There is no step of this id.")
    return found


def create(
    session: Session, course: CourseProgram, values: Mapping[str, Any], options: Sequence[NewOption], *, at: datetime
) -> CourseStep:
    """Add a step behind the others of a course, which the caller holds locked.

    Raises:
        InvalidField: another step has its label, an option cannot serve it, or the course is published and nothing
            would serve it.
        InvalidCommand: the course has as many steps as it may have.

    """
    before = standing(session, course)
    if len(before) >= MAX_STEPS:
        raise InvalidCommand(f"A course has at most {MAX_STEPS} steps: remove one first.")
    owner = {"organization_id": course.organization_id, "course_program_id": course.id}
    step = CourseStep(position=len(before) + 1, created_at=at, **owner, **values)
    with told(session, {LABEL_TWICE: _taken()}):
        session.add(step)
    option.set_options(session, step, options, at=at)
    publish.recheck(session, course, step, "options", at=at)
    return step


def change(session: Session, step: CourseStep, values: Mapping[str, Any]) -> None:
    """Change what is named of a step.

    Raises:
        InvalidField: another step has its label.

    """
    with told(session, {LABEL_TWICE: _taken()}):
        for key, value in values.items():
            setattr(step, key, value)


def put_in_order(session: Session, course: CourseProgram, step_ids: Sequence[int]) -> None:
    """Give the steps of a course, which the caller holds locked, the order of their ids.

    Raises:
        InvalidField: `step_ids` are not all of its steps, each once.

    """
    steps = {step.id: step for step in standing(session, course)}
    if sorted(step_ids) != sorted(steps):
        raise InvalidField("step_ids", "Name every step of the course, each once.")
    arrange(session, [steps[each] for each in step_ids])


def remove(session: Session, course: CourseProgram, step: CourseStep, *, at: datetime) -> int:
    """Remove a step of a course, which the caller holds locked; those behind it move up.

    Whoever bought the step keeps it, with its options. New enrollments do not get it.

    Returns:
        How many enrollments still have it open.

    Raises:
        InvalidField: the course is published, and has no other.

    """
    step.deleted_at = at
    session.flush()
    arrange(session, standing(session, course))
    publish.recheck(session, course, step, at=at)
    return _open(session, step)


def arrange(session: Session, steps: Sequence[CourseStep]) -> bool:
    """Number steps from 1 on; say whether that is a change."""
    moved = [(step, position) for position, step in enumerate(steps, 1) if step.position != position]
    for step, position in moved:
        step.position = ASIDE + position
    session.flush()
    for step, position in moved:
        step.position = position
    session.flush()
    return bool(moved)


def _open(session: Session, step: CourseStep) -> int:
    of_step = (
        select(func.count())
        .select_from(StudentCourseStepProgress)
        .join(StudentCourseEnrollment, StudentCourseEnrollment.id == StudentCourseStepProgress.enrollment_id)
        .where(
            StudentCourseStepProgress.course_step_id == step.id,
            StudentCourseStepProgress.status.in_(OPEN_STEPS),
            StudentCourseEnrollment.status != EnrollmentStatus.REVOKED,
        )
    )
    return session.scalar(of_step) or 0


def _taken() -> InvalidField:
    return InvalidField("label", "Choose another label: a step of this course has this one.")
