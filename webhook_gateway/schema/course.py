"""Courses on sale, and their dated runs."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from webhook_gateway.schema.base import Input, Output, Page, PageQuery
from webhook_gateway.schema.calendar import OrganizationQuery
from webhook_gateway.schema.package import Allowance


class CourseQuery(PageQuery, OrganizationQuery):
    """Whose courses, or cohorts."""


class CoursePath(Input):
    """Which course, by its code."""

    code: str = Field(max_length=64, alias="code")


class CourseStep(Output):
    """A step of a course."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int = Field(description="Counts from 1")
    summary: str | None
    is_required: bool


class Course(Output):
    """A course on sale. Money in minor units."""

    id: int
    code: str
    title: str
    summary: str | None
    description: str | None
    image_url: str | None
    timezone: str = Field(description="IANA name: where its dates are recommended in")
    price: int
    currency: str
    validity_days: int
    bundle_description: str = Field(description="What comes with it, in words; empty for nothing")
    bundle_components: list[Allowance] = Field(description="Credits that come with it")
    steps: list[CourseStep] = Field(description="In their order")


class CoursePage(Page[Course]):
    """A page of courses on sale, as they were made."""


class OptionSession(Output):
    """A session ahead that serves a step."""

    session_id: int = Field(validation_alias="id")
    start_at: datetime
    end_at: datetime
    capacity_max: int = Field(validation_alias="capacity")
    spots_available: int
    teacher_name: str | None = Field(description="Null as long as nobody is named")


class StepOption(Output):
    """A class that serves a step."""

    course_step_option_id: int = Field(validation_alias="id")
    group_class_id: int
    group_class_name: str
    is_active: bool = Field(description="Whether it takes bookings")
    sessions: list[OptionSession] = Field(description="The next ones")


class CourseStepDetail(CourseStep):
    """A step with the classes that serve it."""

    options: list[StepOption]


class CourseDetail(Course):
    """A course with the next sessions of each step."""

    steps: list[CourseStepDetail]  # type: ignore[assignment] # narrower, and never written to


class CohortSession(Output):
    """A session that serves an option of a step in a cohort."""

    course_step_option_id: int
    step_id: int
    step_label: str
    session_id: int
    start_at: datetime
    end_at: datetime
    spots_available: int


class Cohort(Output):
    """A dated run of a course."""

    id: int
    code: str
    name: str
    capacity: int
    places_available: int
    is_full: bool
    is_enrollment_open: bool = Field(description="Whether the deadline is ahead; whether there is room is `isFull`")
    enrollment_deadline: datetime = Field(description="Who buys at that instant or later comes too late")
    starts_at: datetime | None = Field(description="The start of its first session; null without sessions")
    ends_at: datetime | None = Field(description="The end of its last session; null without sessions")
    sessions: list[CohortSession] = Field(description="Those that take place, in the order of their starts")


class CohortPage(Page[Cohort]):
    """A page of cohorts, as they were made."""


class CohortName(Output):
    """A dated run of a course, by its names."""

    id: int
    code: str
    name: str
