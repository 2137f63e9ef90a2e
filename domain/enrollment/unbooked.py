"""What a student may still book of a course: the open steps, with every session that would serve each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import and_, select, union
from sqlalchemy.orm import Session

from db.models import (
    ENROLLED,
    ClassSession,
    CourseCohortSession,
    CourseStepOption,
    StepStatus,
)
from domain.calendar import calendar
from domain.calendar.calendar import OFFERED, CalendarRow
from domain.enrollment.enrollment_view import EnrollmentView, course_package
from domain.enrollment.step_view import StepView
from domain.holding.package import PackageStatus

# Of each option, a student sees as many dates.
MOST_DATES = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """A session that serves a step by one of its options."""

    course_step_option_id: int
    session_id: int
    group_class_id: int
    group_class_name: str
    start_at: datetime
    end_at: datetime
    capacity: int
    spots_available: int
    teacher_name: str | None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class UnbookedStep:
    """An open step; `options` are in the order of their starts."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int
    is_required: bool
    status: StepStatus
    options: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class _Option:
    """A class that serves a step; `session_id` is the cohort's, as long as that is ahead."""

    id: int
    class_id: int
    session_id: int | None


def unbooked_steps(
    session: Session, organization_id: int, student_id: int, package_id: int, *, at: datetime
) -> list[UnbookedStep] | None:
    """Return the open steps of an enrollment, in their order; None where that package is none of the student's.

    Only sessions that the package lasts for are named, and none where nothing may be booked: an enrollment that was
    revoked or waits for staff, or a package whose payment is disputed.
    """
    found = course_package(session, organization_id, student_id, package_id, at=at)
    if found is None:
        return None
    options = _options(session, found, at=at) if _may_book(found) else {}
    counting = {step_id: _counting(each) for step_id, each in options.items()}
    dates = _dates(session, [option for each in counting.values() for option in each], found.expires_at, at=at)
    return [_unbooked(step, counting.get(step.step_id, ()), dates) for step in found.steps if step.is_open]


def _may_book(found: EnrollmentView) -> bool:
    return found.status in ENROLLED and found.package_status is PackageStatus.ACTIVE


def _counting(options: Sequence[_Option]) -> Sequence[_Option]:
    """Return the options that count: those that the cohort gives a session, else all."""
    return [option for option in options if option.session_id] or options


def _options(session: Session, found: EnrollmentView, *, at: datetime) -> dict[int, list[_Option]]:
    """Return the active options of the open steps, by step, each with its session in the student's cohort."""
    of_cohort = and_(
        CourseCohortSession.course_step_option_id == CourseStepOption.id,
        CourseCohortSession.cohort_id == (found.cohort.id if found.cohort else None),
    )
    still_ahead = and_(ClassSession.id == CourseCohortSession.session_id, ClassSession.start_at > at, *OFFERED)
    standing = (
        select(CourseStepOption.course_step_id, CourseStepOption.id, CourseStepOption.group_class_id, ClassSession.id)
        .outerjoin(CourseCohortSession, of_cohort)
        .outerjoin(ClassSession, still_ahead)
        .where(
            CourseStepOption.course_step_id.in_([step.step_id for step in found.steps if step.is_open]),
            CourseStepOption.active,
            CourseStepOption.deleted_at.is_(None),
        )
        .order_by(CourseStepOption.id)
    )
    by_step: dict[int, list[_Option]] = {}
    for step_id, *option in session.execute(standing).tuples():
        by_step.setdefault(step_id, []).append(_Option(*option))
    return by_step


def _dates(session: Session, options: Sequence[_Option], until: datetime | None, *, at: datetime) -> list[CalendarRow]:
    """Return the sessions of options: those of the cohort, and the next ones of the classes of the others."""
    if not options:
        return []
    own = select(ClassSession.id).where(ClassSession.id.in_([each.session_id for each in options if each.session_id]))
    if until is not None:
        own = own.where(ClassSession.start_at < until)
    classes = {each.class_id for each in options if not each.session_id}
    return calendar.of_ids(session, union(own, calendar.next_of(classes, MOST_DATES, until=until, at=at)))


def _unbooked(step: StepView, options: Sequence[_Option], dates: Sequence[CalendarRow]) -> UnbookedStep:
    choices = [choice for option in options for choice in _choices(option, dates)]
    return UnbookedStep(
        step_id=step.step_id,
        step_label=step.step_label,
        step_title=step.step_title,
        step_order=step.step_order,
        is_required=step.is_required,
        status=step.status,
        options=tuple(sorted(choices, key=lambda choice: (choice.start_at, choice.course_step_option_id))),
    )


def _choices(option: _Option, dates: Sequence[CalendarRow]) -> Iterator[Choice]:
    served = (row for row in dates if row.group_class_id == option.class_id and option.session_id in {None, row.id})
    for row in islice(served, MOST_DATES):
        yield Choice(
            option.id,
            row.id,
            row.group_class_id,
            row.group_class_name,
            row.start_at,
            row.end_at,
            row.capacity,
            row.spots_available,
            row.teacher_name,
        )
