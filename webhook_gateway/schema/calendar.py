"""The calendar: what takes place, and what is free."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, Field

from db.models import ServiceType
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional

MAX_SPAN_DAYS = 62
SPAN_DAYS = 7


class SpanQuery(PageQuery):
    """Which sessions: those that start in [from, to)."""

    from_: AwareDatetime | None = Field(default=None, alias="from", description="With a zone; now, unless named")
    to: AwareDatetime | None = Field(
        default=None, description=f"With a zone; {SPAN_DAYS} days after `from`, unless named; {MAX_SPAN_DAYS} at most"
    )
    service_type: ServiceType | None = None


class OrganizationQuery(Input):
    """Whose."""

    org: str | None = Field(default=None, max_length=63, description="The organization's slug, without a token")


class CalendarQuery(SpanQuery, OrganizationQuery):
    """Which sessions of whom: those that start in [from, to)."""


class SessionPath(Input):
    """Which session."""

    session_id: int = Field(ge=1, le=MAX_ID, alias="session_id")


class CalendarSeat(Output):
    """A seat of one session."""

    seat_id: int = Field(validation_alias="id")
    label: str
    credit_cost: int
    taken: bool


class CourseMark(Output):
    """A step of a course that a session serves."""

    course_code: str
    step_id: int
    step_label: str
    step_order: int


class CalendarSession(Output):
    """A session that takes place."""

    session_id: int = Field(validation_alias="id")
    group_class_id: int
    group_class_code: str
    group_class_name: str
    is_workshop: bool
    service_type: ServiceType
    start_at: datetime
    end_at: datetime
    capacity_max: int = Field(validation_alias="capacity")
    spots_available: int
    teacher_id: int | None
    teacher_name: str | None = Field(description="Null as long as nobody is named")
    teacher_tier: int = Field(description="0 is the standard")
    seats: list[CalendarSeat] | None = optional("Of a class that has seats: each place is one of them")
    course_steps: list[CourseMark] | None = optional("Of a class that serves steps of courses on sale")


class CalendarPage(Page[CalendarSession]):
    """A page of the calendar, in the order of the starts."""
