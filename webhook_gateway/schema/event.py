"""Stripe's events: the inbox as staff see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from db.models import EventStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional


class EventPath(Input):
    """Which event."""

    event_id: int = Field(ge=1, le=MAX_ID, alias="event_id")


class EventQuery(PageQuery):
    """Which events: those received in [from, to)."""

    status: EventStatus | None = None
    type: str | None = Field(default=None, max_length=255, description="Stripe's type, such as `invoice.paid`")
    from_: AwareDatetime | None = Field(default=None, alias="from", description="With a zone")
    to: AwareDatetime | None = Field(default=None, description="With a zone")


class Event(Output):
    """A stored event; `lastError` of one that was replayed stays until it succeeds."""

    id: int
    event_id: str = Field(description="Stripe's id")
    organization: str | None = Field(description="Slug; null as long as nobody knows whose it is")
    type: str
    livemode: bool | None
    account: str | None
    status: EventStatus
    attempts: int
    next_attempt_at: datetime | None
    error_code: str | None
    last_error: str | None
    waits_for: str | None = Field(description="What would bring it back: `payment:ID` or `product:CODE`")
    received_at: datetime
    finished_at: datetime | None


class EventPage(Page[Event]):
    """A page of events."""


class EventDetail(Event):
    """An event with what was signed: as JSON, as its bytes where they are not JSON, or as its hash in the end."""

    payload: Any = None
    payload_base64: str | None = optional()
    payload_sha256: str | None = optional()
    line_items: dict[str, Any] | None = None
