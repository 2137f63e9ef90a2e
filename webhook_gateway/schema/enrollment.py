"""Enrollments, as staff see them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from db.models import EnrollmentStatus, ReviewReason
from domain.holding.package import PackageStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Output, Page, PageQuery, optional
from webhook_gateway.schema.course import CohortName
from webhook_gateway.schema.course_package import CourseProgress, EnrolledStep
from webhook_gateway.schema.course_step import StepNotBooked
from webhook_gateway.schema.package import Balance


class EnrollmentQuery(PageQuery):
    """Which enrollments."""

    status: EnrollmentStatus | None = None
    course: str | None = Field(default=None, max_length=64, description="The course's code")
    cohort_id: int | None = Field(default=None, ge=1, le=MAX_ID)


class Enrollment(Output):
    """The purchase of a course."""

    enrollment_id: int
    student_id: str | None = Field(description="As the frontend names them; null of a guest")
    name: str | None = Field(validation_alias="student_name")
    package_id: int
    course_code: str
    course_title: str
    cohort: CohortName | None = optional()
    requested_cohort: str | None = optional("The cohort that the purchase named, by its id or code")
    status: EnrollmentStatus = Field(description="REVOKED once the payment went back")
    package_status: PackageStatus
    review_reason: ReviewReason | None = optional("Why it waits for you")
    enrolled_at: datetime
    completed_at: datetime | None = optional()
    expires_at: datetime | None
    progress: CourseProgress
    not_booked: list[StepNotBooked] = Field(description="Of the steps that are open still")


class EnrollmentPage(Page[Enrollment]):
    """A page of enrollments, newest first."""


class EnrollmentDetail(Enrollment):
    """An enrollment with its steps."""

    package_name: str
    steps: list[EnrolledStep] = Field(description="In their order")
    extras: list[Balance] = Field(description="What is left of the lines besides that of the steps")
