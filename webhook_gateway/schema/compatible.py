"""What of the packages held would pay for a session, and why the rest would not."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from db.models import PaymentType, ServiceType
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, optional


class SeatQuery(Input):
    """Which seat."""

    seat_id: int | None = Field(
        default=None, ge=1, le=MAX_ID, description="Whose price counts; the cheapest free one, unless named"
    )


class Payable(Output):
    """One way to pay: name it in a booking with `packageId` and `paymentType`."""

    id: int = Field(description="The package held")
    product_code: str
    package_name: str
    payment_type: PaymentType
    credits_needed: int = Field(description="None for a pass: it is used up for the day")
    expires_at: datetime | None = Field(description="Null until the first use where the validity starts there")
    allowance_id: int | None = optional("The line whose credits are used")
    service_type: ServiceType | None = optional("Of that line")
    teacher_tier: int | None = optional("Of that line; 0 is any teacher")
    remaining: int | None = optional("Credits that the line has left now")


class Unusable(Output):
    """A package that does not pay, with what naming it in a booking would end in."""

    id: int
    product_code: str
    package_name: str
    code: str = Field(description="As in a problem; /docs/problems lists them")
    detail: str = Field(description="What to do about it")


class Compatible(Output):
    """Ways to pay for a session in the order in which they would, whether or not there is room in it."""

    exact_match: list[Payable] = Field(description="What pays without being asked for")
    higher_tier: list[Payable] = Field(description="What is worth more: it pays with `confirmHigherTier` only")
    recommended: Payable | None = Field(description="What a booking that names nothing is paid with")
    requires_course_enrollment: bool
    is_enrolled_in_course: bool
    unusable: list[Unusable] = Field(description="Every other package, the newest 200")
