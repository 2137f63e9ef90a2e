"""Bookings: a person in a session, or the draft of it; and what may be wanted of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from db.models import BookingStatus, BookingType, JobStatus, PaymentType
from domain.catalog.fields import PLAIN
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional
from webhook_gateway.schema.moment import Minute

# What the mailer can write to: ASCII alone, a domain of another alphabet as `xn--…`. Whether there is such an address
# shows when something is sent there.
ADDRESS = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
# Whoever is known may be named as their token names them.
NAMED = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
# Whoever becomes known does not look like somebody else: no blanks around the name, nothing in it that is not seen.
SEEN = r"[^\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]"
DISTINCT = rf"^{SEEN}+( +{SEEN}+)*$"

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
Flag = Annotated[bool, Field(strict=True)]


def _text(longest: int, pattern: str = PLAIN) -> StringConstraints:
    return StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=longest, pattern=pattern)


def _dotted(address: str) -> str:
    name = address.partition("@")[0]
    if name.startswith(".") or name.endswith(".") or ".." in name:
        raise ValueError("Name an address in which every dot is between two other characters")
    return address


Name = Annotated[str, _text(200)]
Email = Annotated[str, _text(254, ADDRESS), AfterValidator(_dotted)]
Reason = Annotated[str, _text(500)]
StudentId = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255, pattern=NAMED)]
NewStudentId = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255, pattern=DISTINCT)]
# How a caller may choose to pay; a friend's place is paid by the friend pass.
Payment = Literal["ALL_ACCESS", "CREDIT", "COURSE", "FREE"]

OVERRIDE = "The studio's exception to the rules, by staff, with a reason"
FORFEIT = "Give up a place too late for it to be given back: what paid for it stays spent"
TIER = "Pay with credits of a higher tier, if there are no others"


class BookingQuery(PageQuery):
    """Which bookings."""

    status: BookingStatus | None = None


class BookingPath(Input):
    """Which booking."""

    booking_id: int = Field(ge=1, le=MAX_ID, alias="booking_id")


class Friend(Input):
    """Who comes along."""

    name: Name
    email: Email = Field(description="Where the invitation goes; it is shown to nobody")
    seat_id: Id | None = None


class BookRequest(Input):
    """A place in a session; what it is paid with is chosen where it is not named."""

    session_id: Id
    seat_id: Id | None = None
    package_id: Id | None = Field(default=None, description="The package held that pays")
    payment_type: Payment | None = Field(default=None, description="FREE by staff only, with a reason")
    confirm_higher_tier: Flag | None = Field(default=None, description=TIER)
    friend: Friend | None = Field(default=None, description="A guest, paid by a friend pass")
    student_id: StudentId | None = Field(default=None, description="Whose place, as the frontend names them; by staff")
    reason: Reason | None = Field(default=None, description="Why it is FREE; by staff")


class ChangeRequest(Input):
    """Another session, or another seat, in the place of a booking. If it is impossible the booking stands."""

    session_id: Id | None = None
    seat_id: Id | None = None
    package_id: Id | None = None
    payment_type: Payment | None = Field(default=None, description="FREE by staff only, with a reason")
    confirm_higher_tier: Flag | None = Field(default=None, description=TIER)
    accept_forfeit: Flag | None = Field(default=None, description=FORFEIT)
    override: Flag | None = Field(default=None, description=OVERRIDE)
    reason: Reason | None = None


class ScheduleRequest(Input):
    """When a draft is to take place: in a session, or from a start on with a teacher."""

    session_id: Id | None = None
    start_time: Minute | None = Field(default=None, description="With a zone; for private sessions")
    teacher_id: Id | None = Field(default=None, description="Who gives it; any who can, unless named")


class GiveUpRequest(Input):
    """The end of what was booked; there need not be a body."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key] # the framework's

    accept_forfeit: Flag | None = Field(default=None, description=FORFEIT)
    reason: Reason | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, said: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        return {} if said is None else said


class CancelRequest(GiveUpRequest):
    """The end of a booking."""

    override: Flag | None = Field(default=None, description=OVERRIDE)


class Booking(Output):
    """A booking; a draft has no session and no times."""

    id: int
    session_id: int | None = None
    status: BookingStatus
    booking_type: BookingType
    payment_type: PaymentType
    credits_used: int
    start_at: datetime | None
    end_at: datetime | None
    seat_id: int | None = optional()
    course_step_id: int | None = optional()
    student_package_id: int | None = optional()
    order_id: int | None = optional()
    guest_of: int | None = optional("The booking of the student who brings this guest along")
    guest_name: str | None = optional()
    metadata: dict[str, Any]
    created_at: datetime


class BookingPage(Page[Booking]):
    """A page of bookings."""


class Booked(Output):
    """What a command ended in."""

    booking: Booking
    guest_booking: Booking | None = optional("The place of the friend")


class Cancelled(Output):
    """What a cancellation ended in."""

    booking: Booking


class Accepted(Output):
    """A command that is not done yet: ask for it at `Location`."""

    id: int
    status: JobStatus
