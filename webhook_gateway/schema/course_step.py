"""Steps of a course: what may be wanted of them, and what comes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from db.models import EnrollmentStatus, StepStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, optional
from webhook_gateway.schema.booking import Booking, Id, Reason

# More steps than any course has.
MAX_SELECTIONS = 100

SESSION = "One of the option's dates; else the cohort's session, else the next one with a free place"


class CoursePackagePath(Input):
    """Which course of the student's, by the package that it came with."""

    package_id: int = Field(ge=1, le=MAX_ID, alias="package_id")


class StepPath(CoursePackagePath):
    """Which step of it."""

    step_id: int = Field(ge=1, le=MAX_ID, alias="step_id")


class EnrollmentPath(Input):
    """Which enrollment."""

    enrollment_id: int = Field(ge=1, le=MAX_ID, alias="enrollment_id")


class EnrollmentStepPath(EnrollmentPath):
    """Which step of it."""

    step_id: int = Field(ge=1, le=MAX_ID, alias="step_id")


class BookStepRequest(Input):
    """A step taken by one of its options."""

    course_step_option_id: Id
    session_id: Id | None = Field(default=None, description=SESSION)


class StepSelection(BookStepRequest):
    """A step, and the option that is chosen for it."""

    course_step_id: Id


class BookStepsRequest(Input):
    """The options that are chosen; steps with one option need not be named."""

    selections: Annotated[list[StepSelection], Field(max_length=MAX_SELECTIONS)]


class AssignCohortRequest(Input):
    """A cohort for an enrollment; null for none: its steps are taken whenever there is a session."""

    cohort_id: Id | None
    reason: Reason | None = None


class ReopenStepRequest(Input):
    """Why a missed step is opened again."""

    reason: Reason


class Progress(Output):
    """How far a student is with a step."""

    id: int
    course_step_id: int
    step_label: str
    step_title: str
    step_order: int
    is_required: bool
    status: StepStatus
    skipped: bool = Field(description="Whether a later step was chosen while this one was open")
    course_step_option_id: int | None = optional()
    booking_id: int | None = optional()
    booked_at: datetime | None = optional()
    completed_at: datetime | None = optional()
    missed_at: datetime | None = optional()
    cancelled_at: datetime | None = optional()


class StepBooked(Output):
    """A step's booking and its progress."""

    booking: Booking
    progress: Progress
    skipped_steps: list[int] | None = optional("Steps before it that are open")


class StepNotBooked(Output):
    """A step that has one option, and why it was not booked by itself."""

    course_step_id: int
    step_label: str
    code: str = Field(description="As a booking would have ended in")
    detail: str


class StepsBooked(Output):
    """What was booked by choice, what by itself, and what could not be."""

    bookings: list[StepBooked]
    auto_booked: list[int] = Field(description="Ids of steps")
    manual_selections: list[int] = Field(description="Ids of steps")
    not_booked: list[StepNotBooked]


class StepCancelled(Output):
    """A step's booking was given up."""

    success: bool


class AssignedEnrollment(Output):
    """An enrollment with its cohort."""

    enrollment_id: int
    package_id: int
    course_code: str
    cohort_id: int | None
    student_id: str | None
    status: EnrollmentStatus


class CohortAssigned(Output):
    """An enrollment with its cohort, and what has one option there and could not be booked."""

    enrollment: AssignedEnrollment
    not_booked: list[StepNotBooked]


class StepReopened(Output):
    """A step that is open again."""

    progress: Progress
