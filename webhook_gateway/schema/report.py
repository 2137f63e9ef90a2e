"""Reports: a line for each of something, as JSON in pages or as one table."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.data_type import DataType
from flask_openapi3.models.media_type import MediaType
from flask_openapi3.models.schema import Schema
from pydantic import AliasPath, AwareDatetime, Field

from db.models.class_session import MAX_CAPACITY
from webhook_gateway.schema.base import Output, Page, PageQuery

MAX_TABLE = 10_000


class ReportQuery(PageQuery):
    """How a report is wanted."""

    format: Literal["json", "csv"] = Field(
        default="json",
        description=f"`csv` is the whole report as one table, whatever `limit` says: {MAX_TABLE} lines at most, and a"
        " Link to what comes behind them",
    )


class LowSeatsQuery(ReportQuery):
    """How few places are few."""

    threshold: int = Field(default=3, ge=0, le=MAX_CAPACITY, description="Free places at most")


class RevenueQuery(ReportQuery):
    """Which orders: those made in [from, to)."""

    from_: AwareDatetime | None = Field(default=None, alias="from", description="With a zone")
    to: AwareDatetime | None = Field(default=None, description="With a zone")


class EnrollmentLine(Output):
    """How many bought a course, by the cohort that they are in. The cohort's fields are null for those in none."""

    course_code: str
    course_title: str
    cohort_id: int | None = Field(default=None, validation_alias=AliasPath("cohort", "id"))
    cohort_code: str | None = Field(default=None, validation_alias=AliasPath("cohort", "code"))
    cohort_name: str | None = Field(default=None, validation_alias=AliasPath("cohort", "name"))
    enrolled: int = Field(validation_alias=AliasPath("tally", "enrolled"), description="All who bought it")
    active: int = Field(validation_alias=AliasPath("tally", "active"))
    completed: int = Field(validation_alias=AliasPath("tally", "completed"))
    needs_review: int = Field(validation_alias=AliasPath("tally", "needs_review"))
    revoked: int = Field(validation_alias=AliasPath("tally", "revoked"))
    capacity: int | None
    places_available: int | None


class StepLine(Output):
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


class CompletionLine(Output):
    """How far those came who are enrolled in a course."""

    course_code: str
    course_title: str
    enrollments: int = Field(description="Without those that were revoked or wait for you")
    completed: int
    completion_rate: int | None = Field(description="Percent; null where nobody is enrolled")
    steps: list[StepLine] = Field(description="In their order")


class SkippedLine(Output):
    """How many of those who are enrolled have a step open, and booked a later one."""

    course_code: str
    course_title: str
    step_id: int
    step_label: str
    step_title: str
    step_order: int
    skipped: int


class LowSeatsLine(Output):
    """A session that serves a step and has few free places, or none."""

    course_code: str
    course_title: str
    step_id: int
    step_label: str
    step_order: int
    session_id: int
    group_class_name: str
    start_at: datetime
    spots_available: int
    capacity_max: int = Field(validation_alias="capacity")
    students_to_book: int = Field(description="Who is enrolled and has the step open")


class RevenueLine(Output):
    """What a course brought in. Money in minor units."""

    course_code: str
    course_title: str
    currency: str
    orders: int
    list: int = Field(description="What it would have cost as it was on sale")
    paid: int
    refunded: int = Field(description="What went back: refunds, and payments whose dispute was lost")
    net: int


class EnrollmentReport(Page[EnrollmentLine]):
    """A page of the courses with their cohorts, as they were made."""


class CompletionReport(Page[CompletionLine]):
    """A page of the courses, as they were made."""


class SkippedReport(Page[SkippedLine]):
    """A page of the steps of all courses, in their order."""


class LowSeatsReport(Page[LowSeatsLine]):
    """A page of sessions, in the order of their starts: one that serves several steps is there for each."""


class RevenueReport(Page[RevenueLine]):
    """A page of the courses and currencies in which something was paid."""


def document(group: APIBlueprint) -> None:
    """Describe the other form of a group's reports."""
    table = MediaType(schema=Schema(type=DataType.STRING, description="RFC 4180, with a header"))
    for item in group.paths.values():
        if item.get and item.get.responses:
            item.get.responses["200"].content["text/csv"] = table
