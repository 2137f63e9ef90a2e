"""Orders as staff see them, their refunds, and what of them waits for somebody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from db.models import DisputeStatus, OrderStatus, PaymentStatus, ProductType, RefundStatus, ReviewKind
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional
from webhook_gateway.schema.booking import Id, Reason
from webhook_gateway.schema.package import Holding

# A larger slip of the pen would have to be made twice; more lines than any cart of a studio has.
MOST_CREDITS, MOST_LINES = 1_000, 100
Credits = Annotated[int, Field(strict=True, ge=1, le=MOST_CREDITS)]


class OrderPath(Input):
    """Which order."""

    order_id: int = Field(ge=1, le=MAX_ID, alias="order_id")


class OrderQuery(PageQuery):
    """Which orders."""

    status: OrderStatus | None = None
    student_id: str | None = Field(default=None, max_length=255, description="As the frontend names them")
    needs_review: bool | None = Field(default=None, description="Whether something of it waits for staff")
    price_mismatch: bool | None = Field(default=None, description="Whether less was paid than the list price")


class RefundLine(Input):
    """Credits of one line of an order."""

    allowance_id: Id
    credits: Credits


class RefundRequest(Input):
    """What goes back of an order; naming neither sessions nor lines is all that its products give back."""

    sessions: Credits | None = Field(default=None, description="Credits, of an order that has one line")
    lines: list[RefundLine] | None = Field(default=None, min_length=1, max_length=MOST_LINES)
    reason: Reason = Field(description="Its student may read it")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.sessions is not None and self.lines is not None:
            raise ValueError("Name sessions or lines, not both")
        return self


class TakenBack(Output):
    """Credits that a refund took back."""

    allowance_id: int
    credits: int


class OrderRefund(Output):
    """A refund of an order, in minor units."""

    id: int
    order_id: int
    amount: int
    currency: str
    status: RefundStatus = Field(description="`FAILED`: what it took back is there again")
    stripe_refund_id: str | None
    taken_back: list[TakenBack] = Field(description="Nothing of a whole refund, with which the packages are revoked")
    is_whole: bool
    reason: str
    created_at: datetime


class OrderRefunded(Output):
    """What the order of a refund ended in."""

    refund: OrderRefund


class StaffRefund(OrderRefund):
    """A refund as staff see it."""

    actor: str = Field(description="Who ordered it: role and `sub` of their token")
    last_error: str | None
    finished_at: datetime | None


class StaffOrder(Output):
    """A purchase as staff see it. Money in minor units."""

    id: int
    student_id: str | None = Field(description="As the frontend names them; null of a guest")
    student_name: str | None
    order_type: ProductType
    status: OrderStatus
    product_code: str | None = Field(description="Null where several products were bought at once")
    list_price: int
    discount: int = Field(description="What a coupon took off the list price")
    paid: int
    refunded: int = Field(description="What went back, by Stripe's word")
    currency: str
    price_mismatch: bool = Field(description="Less was paid than the list price")
    dispute_status: DisputeStatus | None
    open_reviews: int = Field(description="How much of it waits for staff")
    created_at: datetime


class StaffOrderPage(Page[StaffOrder]):
    """A page of orders, newest first."""


class StripeRefund(Output):
    """A refund as Stripe tells of it."""

    id: str
    status: str = Field(description="Stripe's own word")
    amount: int
    ours: str | None = optional("The refund that was ordered here, by its id")


class StripeDispute(Output):
    """A dispute as Stripe tells of it."""

    id: str
    status: DisputeStatus


class StripePayment(Output):
    """What Stripe says of a payment. Money in minor units."""

    stripe_key: str
    status: PaymentStatus
    received: int
    refunded: int
    currency: str
    refunds: list[StripeRefund]
    disputes: list[StripeDispute]


class ReviewPath(Input):
    """Which note."""

    review_id: int = Field(ge=1, le=MAX_ID, alias="review_id")


class ReviewQuery(PageQuery):
    """Which notes."""

    open: bool | None = Field(default=None, description="Those that wait, or those that are settled")
    kind: ReviewKind | None = None


class ResolveRequest(Input):
    """How it was settled."""

    note: Reason | None = None


class Review(Output):
    """Something about an order that waits for staff until one of them says it is settled."""

    id: int
    order_id: int
    student_id: str | None = Field(description="As the frontend names them; null of a guest")
    kind: ReviewKind
    about: str = Field(
        description="The Stripe id of what it is about; of a refund that Stripe did not make, `refund:` and ours"
    )
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class ReviewPage(Page[Review]):
    """A page of notes, newest first."""


class StaffOrderDetail(Output):
    """An order with all that hangs on it."""

    order: StaffOrder
    payment: StripePayment | None = Field(description="Null of what was not paid through Stripe")
    refunds: list[StaffRefund] = Field(description="Those that were ordered here")
    packages: list[Holding]
    reviews: list[Review]
