"""Calendars to subscribe to."""

from __future__ import annotations

from pydantic import Field

from webhook_gateway.schema.base import Input, Output


class CalendarLink(Output):
    """The secret link to a student's calendar; it is shown this once."""

    url: str = Field(description="For a calendar app; whoever has it reads the sessions")


class SecretPath(Input):
    """The secret of a link."""

    secret: str
