"""Dated sessions, as those see them who run them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from db.models import BookingStatus, PaymentType, SessionStatus, WaitlistStatus
from domain.catalog.fields import Capacity, Minutes
from webhook_gateway.schema.base import Input, Output, Page, optional
from webhook_gateway.schema.booking import Id
from webhook_gateway.schema.calendar import CalendarSession
from webhook_gateway.schema.change import Change, kept
from webhook_gateway.schema.moment import Minute


class SessionRequest(Input):
    """A new session; what is left out is as its class says."""

    class_id: Id
    start_at: Minute = Field(description="With a zone")
    minutes: Minutes | None = None
    capacity: Capacity | None = None
    teacher_id: Id | None = Field(default=None, description="Null is nobody; left out, it is the class's")


class SessionChange(Change):
    """What is to be different; what is left out stays. Another time is staff's to say, the rest admins'."""

    start_at: Minute = kept("With a zone, and ahead: its bookings go along")
    minutes: Minutes = kept("How long it takes")
    capacity: Capacity = kept("As many as have a place, or more")
    teacher_id: Id | None = Field(default=None, description="Null is nobody")


class AdminSession(CalendarSession):
    """A session, also one that was called off."""

    status: SessionStatus
    bookings: int = Field(validation_alias="taken", description="How many places are taken")
    arranged: bool = Field(description="Whether it was made for one student, and is in no calendar")
    cancel_reason: str | None = optional("Why it was called off")


class AdminSessionPage(Page[AdminSession]):
    """A page of sessions, in the order of their starts."""


class RosterLine(Output):
    """One person who has a place; a guest stands under their host's names."""

    booking_id: int = Field(validation_alias="id")
    student_id: str | None = Field(description="The frontend's own id")
    name: str | None
    email: str | None
    status: BookingStatus
    payment_type: PaymentType
    seat_id: int | None = optional()
    guest_of: int | None = optional("The host's booking")
    guest_name: str | None = optional()


class LineEntry(Output):
    """Somebody who waits."""

    waitlist_entry_id: int = Field(validation_alias="id")
    student_id: str | None = Field(description="The frontend's own id")
    name: str | None
    status: WaitlistStatus
    joined_at: datetime
    auto_book_until: datetime | None = optional()
    reason: str | None = optional("Why it was skipped, as the code that a booking would end in")


class SessionDetail(AdminSession):
    """A session with who comes, and who waits in turn: the first of them."""

    roster: list[RosterLine]
    waitlist: list[LineEntry]
