"""A student's courses: how far they are, and what may still be booked."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field, RootModel

from db.models import EnrollmentStatus, ReviewReason, StepStatus
from domain.holding.package import PackageStatus
from webhook_gateway.schema.base import Output, Page, optional
from webhook_gateway.schema.course import CohortName
from webhook_gateway.schema.course_step import Progress, StepNotBooked
from webhook_gateway.schema.package import Balance


class CourseProgress(Output):
    """How many steps stand where."""

    total_steps: int
    required_steps: int
    completed_steps: int
    completed_required_steps: int
    booked_steps: int
    open_steps: int = Field(description="Those that were not booked, or were given up")
    missed_steps: int
    percent: int = Field(description="Of the required steps; where none is required, of all")


class RecommendedStep(Output):
    """The step to book next."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int


class CoursePackage(Output):
    """A course that a student bought."""

    id: int = Field(validation_alias="package_id", description="The package held")
    enrollment_id: int
    course_code: str
    course_title: str
    package_name: str
    status: EnrollmentStatus = Field(description="REVOKED once the payment went back")
    package_status: PackageStatus
    review_reason: ReviewReason | None = optional("Why it waits for the studio")
    enrolled_at: datetime
    completed_at: datetime | None = optional()
    expires_at: datetime | None = Field(description="Null until the first use where the validity starts there")
    cohort: CohortName | None = optional()
    progress: CourseProgress
    next_recommended_step: RecommendedStep | None = optional("The first open step; left out where none may be booked")
    extras: list[Balance] = Field(description="What is left of the lines besides that of the steps")


class CoursePackagePage(Page[CoursePackage]):
    """A page of courses, the last bought first."""


class StepSession(Output):
    """The session that a step is booked in."""

    session_id: int
    group_class_name: str
    start_at: datetime
    end_at: datetime
    teacher_name: str | None = Field(description="Null as long as nobody is named")


class EnrolledStep(Progress):
    """A step with its progress, whose `id` this is."""

    session: StepSession | None = optional()


class CoursePackageDetail(CoursePackage):
    """A course that a student bought, with its steps."""

    steps: list[EnrolledStep] = Field(description="In their order")
    not_booked: list[StepNotBooked] = Field(description="Of the steps that are open still")


class CourseStepSessionOption(Output):
    """A session that serves an open step."""

    course_step_option_id: int
    session_id: int
    group_class_id: int
    group_class_name: str
    start_at: datetime
    end_at: datetime
    capacity_max: int = Field(validation_alias="capacity")
    spots_available: int
    is_active: bool
    teacher_name: str | None = Field(description="Null as long as nobody is named")


class UnbookedCourseStep(Output):
    """An open step with every session that may be booked for it."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int
    is_required: bool
    status: StepStatus
    options: list[CourseStepSessionOption] = Field(description="In the order of their starts")


class UnbookedCourseSteps(RootModel[list[UnbookedCourseStep]]):
    """The open steps, in their order."""

    model_config = ConfigDict(from_attributes=True, serialize_by_alias=True)
