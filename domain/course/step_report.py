"""How far those come who are enrolled in a course, and which steps they leave out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from db.models import OPEN_STEPS, CourseProgram, CourseStep, Product, StepStatus, StudentCourseStepProgress
from domain.course.report import Key, Tally, courses, steps_of_enrolled, tallied
from domain.money import share


@dataclass(frozen=True, slots=True)
class StepLine:
    """Where a step stands with those who are enrolled."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int
    is_required: bool
    unbooked: int
    booked: int
    completed: int
    missed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class CompletionLine:
    """How far those came who are enrolled in a course. `completion_rate` in percent, None where nobody is."""

    course_code: str
    course_title: str
    enrollments: int
    completed: int
    completion_rate: int | None
    steps: tuple[StepLine, ...]
    key: Key


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """How many of those who are enrolled have a step open, and booked a later one."""

    course_code: str
    course_title: str
    step_id: int
    step_label: str
    step_title: str
    step_order: int
    skipped: int
    key: Key


def completion_report(session: Session, organization_id: int) -> list[CompletionLine]:
    """Return the courses with their steps, oldest first, with three statements; what was deleted, if it was bought."""
    tallies: dict[int, list[Tally]] = {}
    for (program_id, _), tally in tallied(session, organization_id).items():
        tallies.setdefault(program_id, []).append(tally)
    counts = _counts(session, organization_id)
    planned: dict[int, tuple[Product, list[CourseStep]]] = {}
    for program_id, course, step in session.execute(_steps(organization_id)).tuples():
        steps = planned.setdefault(program_id, (course, []))[1]
        if step and (step.deleted_at is None or step.id in counts):
            steps.append(step)
    return [
        _completion(program_id, course, [_step(step, counts.get(step.id, {})) for step in steps], bought)
        for program_id, (course, steps) in planned.items()
        if (bought := tallies.get(program_id, ())) or course.deleted_at is None
    ]


def skipped_report(session: Session, organization_id: int) -> list[SkippedLine]:
    """Return the steps of all courses, in their order, with two statements; those removed, if somebody skips them."""
    own = StudentCourseStepProgress.course_step_id
    skipped = steps_of_enrolled(organization_id, own, func.count()).where(
        StudentCourseStepProgress.skipped, StudentCourseStepProgress.status.in_(OPEN_STEPS)
    )
    counts: dict[int, int] = dict(session.execute(skipped.group_by(own)).tuples().all())
    return [
        _skipped(program_id, course, step, counts.get(step.id, 0))
        for program_id, course, step in session.execute(_steps(organization_id)).tuples()
        if step and (step.id in counts or (step.deleted_at is None and course.deleted_at is None))
    ]


def _steps(organization_id: int) -> Select[tuple[int, Product, CourseStep | None]]:
    """Return the statement of all courses with all their steps, in their order; a course without steps is a row."""
    of_course = CourseStep.course_program_id == CourseProgram.id
    planned = courses(organization_id, CourseStep).outerjoin(CourseStep, of_course)
    return planned.order_by(CourseProgram.id, CourseStep.position, CourseStep.id)


def _counts(session: Session, organization_id: int) -> dict[int, dict[StepStatus, int]]:
    """Return by step how many of those who are enrolled have it in which status."""
    own = (StudentCourseStepProgress.course_step_id, StudentCourseStepProgress.status)
    found: dict[int, dict[StepStatus, int]] = {}
    counted = steps_of_enrolled(organization_id, *own, func.count()).group_by(*own)
    for step_id, status, number in session.execute(counted).tuples():
        found.setdefault(step_id, {})[status] = number
    return found


def _completion(program_id: int, course: Product, steps: Sequence[StepLine], bought: Iterable[Tally]) -> CompletionLine:
    tallies = list(bought)
    completed = sum(tally.completed for tally in tallies)
    enrolled = completed + sum(tally.active for tally in tallies)
    return CompletionLine(
        course_code=course.code,
        course_title=course.name,
        enrollments=enrolled,
        completed=completed,
        completion_rate=share(100 * completed, enrolled) if enrolled else None,
        steps=tuple(steps),
        key=(program_id,),
    )


def _step(step: CourseStep, counts: Mapping[StepStatus, int]) -> StepLine:
    return StepLine(
        step_id=step.id,
        step_label=step.label,
        step_title=step.title,
        step_order=step.position,
        is_required=step.is_required,
        unbooked=counts.get(StepStatus.UNBOOKED, 0),
        booked=counts.get(StepStatus.BOOKED, 0),
        completed=counts.get(StepStatus.COMPLETED, 0),
        missed=counts.get(StepStatus.MISSED, 0),
        cancelled=counts.get(StepStatus.CANCELLED, 0),
    )


def _skipped(program_id: int, course: Product, step: CourseStep, number: int) -> SkippedLine:
    return SkippedLine(
        course_code=course.code,
        course_title=course.name,
        step_id=step.id,
        step_label=step.label,
        step_title=step.title,
        step_order=step.position,
        skipped=number,
        key=(program_id, step.position, step.id),
    )
