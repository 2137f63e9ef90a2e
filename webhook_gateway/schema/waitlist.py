"""Waitlists: a place in line for a full session."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from db.models import WaitlistStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, optional
from webhook_gateway.schema.moment import Minute


class WaitedPath(Input):
    """Which session is waited for."""

    session_id: int = Field(ge=1, le=MAX_ID, alias="session_id")


class JoinRequest(Input):
    """A place at the end of the line; there need not be a body."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key] # the framework's

    auto_book_until: Minute | None = Field(
        default=None, description="With a zone: from then on nothing is booked; the studio's own cut-off may come first"
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, said: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        return {} if said is None else said


class WaitlistEntry(Output):
    """A place in line; SKIPPED stays in it."""

    id: int
    session_id: int
    status: WaitlistStatus
    position: int | None = optional("How far in front, from 1; only in line")
    joined_at: datetime
    auto_book_until: datetime | None = optional()
    booking_id: int | None = optional("The booking that a promotion made")
    reason: str | None = optional("Why it was skipped, as the code that a booking would end in; or why it is over")
    session_name: str | None = optional()
    start_at: datetime | None = optional("When the session begins")


class WaitlistPage(Page[WaitlistEntry]):
    """A page of places in line."""


class Waiting(Output):
    """What a command ended in."""

    waitlist_entry: WaitlistEntry
