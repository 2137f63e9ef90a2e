"""What a batch of commands needs to know of courses: enrollments, cohorts, and the sessions that steps may be taken in.

Cohorts are locked here, between students and teachers (docs/adr/0003); sessions only looked at, and locked later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from domain.booking.command import Command
from domain.booking.standing import Standing
from domain.enrollment.candidates import Want, only_options, selected, within_reach
from domain.enrollment.enrolled import read_cohorts, read_enrollments
from domain.enrollment.enrollment import Cohort, Enrollment, Step
from domain.enrollment.step_command import AssignCohort, BookStep, BookSteps, CancelStep, ChangeStep, ReopenStep

StepOrder = BookStep | ChangeStep | CancelStep | BookSteps | AssignCohort | ReopenStep


@dataclass(slots=True)
class CourseFacts:
    """Enrollments by package, None where nothing is about any; sessions wanted, by job; those ahead, by class."""

    enrollments: dict[int, Enrollment] | None = None
    cohorts: dict[int, Cohort] = field(default_factory=dict)
    sessions: dict[int, set[int]] = field(default_factory=dict)
    ahead: dict[int, list[int]] = field(default_factory=dict)
    bookings: set[int] = field(default_factory=set)
    packages: set[int] = field(default_factory=set)
    # The most bookings that all the commands may make.
    most_new: int = 0


def read_course_facts(
    transaction: Transaction, commands: Sequence[Command], standing: Sequence[Standing], *, at: datetime
) -> CourseFacts:
    """Read what commands are about, and what bookings that stand belong to; locks cohorts that are named."""
    orders = [command for command in commands if isinstance(command, StepOrder)]
    if not orders and all(each.course_step_id is None for each in standing):
        return CourseFacts()
    # Of everybody in the batch: who comes by an ordinary booking may take a step, too.
    students = {command.student_id for command in commands}
    facts = CourseFacts(read_enrollments(transaction, students, at=at))
    named = {order.cohort_id for order in orders if isinstance(order, AssignCohort) and order.cohort_id}
    facts.cohorts = read_cohorts(transaction, named, at=at)
    facts.bookings = {each.id for each in standing}
    _add_wants(transaction, facts, orders, at=at)
    return facts


def _add_wants(transaction: Transaction, facts: CourseFacts, orders: Sequence[StepOrder], *, at: datetime) -> None:
    enrollments = facts.enrollments or {}
    by_id = {each.id: each for each in enrollments.values()}
    wants = {}
    for order in orders:
        if isinstance(order, AssignCohort | ReopenStep):
            enrollment = by_id.get(order.enrollment_id)
        else:
            enrollment = enrollments.get(order.package_id)
        if enrollment:
            facts.packages.add(enrollment.package_id)
            facts.most_new += len(enrollment.steps) if isinstance(order, BookSteps | AssignCohort) else 1
            facts.bookings |= _booking(order, enrollment)
            variants = _variants(enrollment, orders, facts.cohorts)
            wants[order.job_id] = [want for variant in variants for want in _wanted(order, variant)]
    facts.sessions, facts.ahead = within_reach(transaction, wants, leaving=facts.bookings, at=at)


def _booking(order: StepOrder, enrollment: Enrollment) -> set[int]:
    """Return the booking of the step that a command is about, if it is about one that stands or was missed."""
    if isinstance(order, ChangeStep):
        step = enrollment.steps.get(order.selection.step_id)
    else:
        step = enrollment.steps.get(order.step_id) if isinstance(order, CancelStep | ReopenStep) else None
    return {step.booking_id} if step and step.booking_id else set()


def _variants(
    enrollment: Enrollment, orders: Sequence[StepOrder], cohorts: Mapping[int, Cohort]
) -> Iterator[dict[int, Step]]:
    """Yield the steps of an enrollment as they are, and as they will be once commands of the batch gave it a cohort."""
    yield enrollment.steps
    for order in orders:
        if isinstance(order, AssignCohort) and order.enrollment_id == enrollment.id:
            cohort = cohorts.get(order.cohort_id or 0)
            yield {step.step_id: step for step in enrollment.within(cohort.sessions if cohort else {})}


def _wanted(order: StepOrder, steps: Mapping[int, Step]) -> list[Want]:
    """Return the options that a command may take."""
    if isinstance(order, BookStep | ChangeStep):
        return list(selected(steps, [order.selection]))
    if isinstance(order, BookSteps):
        return [*selected(steps, order.selections), *only_options(steps.values())]
    return list(only_options(steps.values())) if isinstance(order, AssignCohort) else []
