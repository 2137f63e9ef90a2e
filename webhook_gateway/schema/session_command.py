"""What staff ask of a whole session, and what that ends in."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from webhook_gateway.schema.base import Input, Output, optional
from webhook_gateway.schema.booking import Booking, Id, Reason
from webhook_gateway.schema.class_session import AdminSession

MAX_MARKS = 500


class Mark(Input):
    """Whether somebody came."""

    booking_id: Id
    status: Literal["ATTENDED", "NO_SHOW"]


class AttendanceRequest(Input):
    """Who came and who did not; whoever is not named stays as they are."""

    marks: list[Mark] = Field(min_length=1, max_length=MAX_MARKS, description="All of them, or none if one is wrong")


class CallOffRequest(Input):
    """Why a session does not take place; there need not be a body."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key] # the framework's

    reason: Reason | None = Field(default=None, description="Told to everybody who is booked")

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, said: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        return {} if said is None else said


class Attendance(Output):
    """The bookings that were marked, in the order in which they were named."""

    marked: int = Field(description="How many bookings were named")
    bookings: list[Booking]


class CalledOff(Output):
    """A session that does not take place."""

    session: AdminSession
    cancelled: int = Field(description="How many bookings were cancelled, guests too")


class ChangedSession(AdminSession):
    """A session as it is now."""

    moved_bookings: int | None = optional("Of a session that was moved: how many bookings went along")
