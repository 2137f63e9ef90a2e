"""Calls to Stripe, as staff see them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from db.models import CallKind, DeliveryStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional


class CallPath(Input):
    """Which call."""

    call_id: int = Field(ge=1, le=MAX_ID, alias="call_id")


class CallQuery(PageQuery):
    """Which calls."""

    status: DeliveryStatus | None = Field(default=None, description="PARKED was refused or given up")
    kind: CallKind | None = None


class StripeCallShown(Output):
    """A call to Stripe; what was sent is not shown."""

    id: int
    organization: str = Field(description="Slug")
    kind: CallKind
    status: DeliveryStatus
    product_code: str | None = optional("The product that Stripe is told of")
    refund_id: int | None = optional("The refund that it pays")
    job_id: int | None = optional("The command that waits for it")
    attempts: int
    next_attempt_at: datetime | None
    error_code: str | None = Field(description="`stripe_refused` is Stripe's no, `stripe_unavailable` was given up")
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None = Field(description="When Stripe answered")


class StripeCallPage(Page[StripeCallShown]):
    """A page of calls, newest first."""
