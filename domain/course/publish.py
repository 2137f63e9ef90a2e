"""When a course can be bought: it has steps, and each of them has room for whoever buys it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from db.models import (
    ClassSession,
    CourseCohort,
    CourseCohortSession,
    CourseProgram,
    CourseStep,
    CourseStepOption,
    SessionStatus,
)
from domain.catalog.stripe_side import mark_due
from domain.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a course cannot be on sale: at which field of it, and whose fault it is, unless it is the course's own."""

    field: str
    message: str
    of: tuple[CourseStep | CourseCohort, ...] = ()


def publish(session: Session, course: CourseProgram, *, at: datetime) -> None:
    """Put a course, which the caller holds locked, on sale.

    Raises:
        InvalidField: as `check`.

    """
    check(session, course, at=at)
    _sell(session, course, is_sold=True, at=at)


def unpublish(session: Session, course: CourseProgram, *, at: datetime) -> None:
    """Take a course, which the caller holds locked, off sale; whoever is enrolled stays so."""
    _sell(session, course, is_sold=False, at=at)


def _sell(session: Session, course: CourseProgram, *, is_sold: bool, at: datetime) -> None:
    """Put a course on sale, or take it off; Stripe is told where that is a change."""
    if course.product.active is not is_sold:
        course.product.active = is_sold
        mark_due(course.product, at=at)
    session.flush()


def check(session: Session, course: CourseProgram, *, at: datetime) -> None:
    """Refuse a course that could be bought and not be taken.

    Raises:
        InvalidField: `steps`, where there are none; `steps.….options`, of a step without an active one; or
            `cohorts.….capacity`, of a cohort that is open and larger than what serves a step in it.

    """
    for fault in _faults(session, course, at):
        raise InvalidField(fault.field, fault.message)


def recheck(
    session: Session,
    course: CourseProgram,
    changed: CourseStep | CourseCohort,
    field: str | None = None,
    *,
    at: datetime,
) -> None:
    """Check a course, if it is published, after a step or a cohort of it was changed.

    Raises:
        InvalidField: as `check`, of what was changed alone; at the field of the request if it is named.

    """
    if not course.product.active:
        return
    for fault in _faults(session, course, at):
        if not fault.of or changed in fault.of:
            raise InvalidField(field or fault.field, f"{fault.message} Or unpublish the course first.")


def _faults(session: Session, course: CourseProgram, at: datetime) -> Iterator[Fault]:
    steps = _steps(session, course)
    if not steps:
        yield Fault("steps", "Keep a step: nobody could take a course without one.")
    for place, step in enumerate(steps):
        if not _active(step):
            message = f"Give {step.label} an option that is active: nobody could take it."
            yield Fault(f"steps.{place}.options", message, (step,))
    cohorts = _cohorts(session, course)
    served = _served(session, [row.id for row in cohorts if row.enrollment_deadline > at], at)
    for place, cohort in enumerate(cohorts):
        if cohort.enrollment_deadline > at:
            yield from _crowded(place, cohort, steps, served)


def _crowded(
    place: int, cohort: CourseCohort, steps: Sequence[CourseStep], served: Mapping[tuple[int, int], int]
) -> Iterator[Fault]:
    for step in steps:
        options = _active(step)
        mapped = [served[cohort.id, each.id] for each in options if (cohort.id, each.id) in served]
        places = sum(mapped or [each.group_class.capacity for each in options])
        if places < cohort.capacity:
            message = (
                f"Give {step.label} {cohort.capacity} places for {cohort.code}, or the cohort less: it has {places}."
            )
            yield Fault(f"cohorts.{place}.capacity", message, (step, cohort))


def _active(step: CourseStep) -> list[CourseStepOption]:
    return [each for each in step.options if each.active]


def _steps(session: Session, course: CourseProgram) -> Sequence[CourseStep]:
    own = select(CourseStep).where(CourseStep.course_program_id == course.id, CourseStep.deleted_at.is_(None))
    whole = own.order_by(CourseStep.position).options(selectinload(CourseStep.options))
    return session.scalars(whole.execution_options(populate_existing=True)).all()


def _cohorts(session: Session, course: CourseProgram) -> Sequence[CourseCohort]:
    own = select(CourseCohort).where(CourseCohort.course_program_id == course.id, CourseCohort.deleted_at.is_(None))
    return session.scalars(own.order_by(CourseCohort.id)).all()


def _served(session: Session, cohort_ids: Sequence[int], at: datetime) -> dict[tuple[int, int], int]:
    """Return the capacity of each session that is ahead, by cohort and option."""
    ahead = (
        select(CourseCohortSession.cohort_id, CourseCohortSession.course_step_option_id, ClassSession.capacity)
        .join(ClassSession, ClassSession.id == CourseCohortSession.session_id)
        .where(
            CourseCohortSession.cohort_id.in_(cohort_ids),
            ClassSession.status == SessionStatus.SCHEDULED,
            ClassSession.start_at > at,
        )
    )
    return {(cohort_id, option_id): capacity for cohort_id, option_id, capacity in session.execute(ahead)}
