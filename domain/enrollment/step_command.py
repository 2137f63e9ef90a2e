"""What is asked for with the steps of a course, as it stands in a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.booking.order import Head, Order, Said, Terms, terms

BOOK_STEP, CHANGE_STEP, CANCEL_STEP = "course.book-step", "course.change-step", "course.cancel-step"
BOOK_STEPS = "course.book-steps"
ASSIGN_COHORT, REOPEN_STEP = "enrollment.assign-cohort", "enrollment.reopen-step"


@dataclass(frozen=True, slots=True)
class Selection:
    """A step and the option that is chosen for it; `session_id` picks one of its dates."""

    step_id: int
    option_id: int
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class BookStep(Order):
    """A place in a session that serves a step."""

    package_id: int
    selection: Selection


@dataclass(frozen=True, slots=True)
class ChangeStep(Order):
    """Another session that serves a step, in the place of the one that is booked."""

    package_id: int
    selection: Selection
    terms: Terms


@dataclass(frozen=True, slots=True)
class CancelStep(Order):
    """A step's booking given up."""

    package_id: int
    step_id: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class BookSteps(Order):
    """Several steps at once, and with them those that have one option only."""

    package_id: int
    selections: tuple[Selection, ...]


@dataclass(frozen=True, slots=True)
class AssignCohort(Order):
    """A cohort for an enrollment, by staff; None is none: its steps are taken whenever there is a session."""

    enrollment_id: int
    cohort_id: int | None
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class ReopenStep(Order):
    """A missed step that staff open again."""

    enrollment_id: int
    step_id: int
    reason: str
    actor: str


StepCommand = BookStep | ChangeStep | CancelStep | BookSteps | AssignCohort | ReopenStep


def _selection(said: Said) -> Selection:
    return Selection(said["courseStepId"], said["courseStepOptionId"], said.get("sessionId"))


def _book(head: Head, said: Said) -> BookStep:
    return BookStep(*head, said["packageId"], _selection(said))


def _change(head: Head, said: Said) -> ChangeStep:
    return ChangeStep(*head, said["packageId"], _selection(said), terms(said))


def _cancel(head: Head, said: Said) -> CancelStep:
    return CancelStep(*head, said["packageId"], said["courseStepId"], terms(said))


def _book_all(head: Head, said: Said) -> BookSteps:
    return BookSteps(*head, said["packageId"], tuple(_selection(each) for each in said["selections"]))


def assign_cohort(head: Head, said: Said, caller: str) -> AssignCohort:
    """Read what staff said; `caller` is who did."""
    return AssignCohort(*head, said["enrollmentId"], said.get("cohortId"), said.get("reason"), caller)


def reopen_step(head: Head, said: Said, caller: str) -> ReopenStep:
    """Read what staff said; `caller` is who did."""
    return ReopenStep(*head, said["enrollmentId"], said["courseStepId"], said["reason"], caller)


STEP_READERS: Mapping[str, Callable[[Head, Said], StepCommand]] = {
    BOOK_STEP: _book,
    CHANGE_STEP: _change,
    CANCEL_STEP: _cancel,
    BOOK_STEPS: _book_all,
}
STAFF_READERS: Mapping[str, Callable[[Head, Said, str], StepCommand]] = {
    ASSIGN_COHORT: assign_cohort,
    REOPEN_STEP: reopen_step,
}
