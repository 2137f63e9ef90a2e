"""What we ask Stripe to do, each under a key of its own, and what Stripe says of our products and prices."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import (
    Base,
    DeliveryStatus,
    OutboxMixin,
    choice,
    due_index,
    identity,
    owned,
    parked_index,
    reference,
    same_owner,
)


class CallKind(StrEnum):
    """What Stripe is asked to do."""

    PRODUCT_CREATE = "PRODUCT_CREATE"
    PRODUCT_UPDATE = "PRODUCT_UPDATE"
    PRICE_LIST = "PRICE_LIST"
    PRICE_CREATE = "PRICE_CREATE"
    PRICE_UPDATE = "PRICE_UPDATE"
    COUPON_CREATE = "COUPON_CREATE"
    CHECKOUT_CREATE = "CHECKOUT_CREATE"
    CHECKOUT_EXPIRE = "CHECKOUT_EXPIRE"
    REFUND_CREATE = "REFUND_CREATE"


class StripeCall(OutboxMixin, Base):
    """A call to be made to Stripe: written in the transaction that wants it, made outside of any, marked after.

    `message_id` is its idempotency key, the same however often it is tried; `params` are sent as they stand. SENT was
    answered, with the `response` as far as it matters; PARKED was refused or given up, `error_code` says why; VOID is
    wanted no more. `context` is what whoever wanted it must know when the answer comes, `job_id` the command that waits
    for it, `give_up_at` when that stops waiting. Unique: one call at a time about a product, one ever for a refund.
    """

    __tablename__ = "stripe_calls"
    __table_args__ = (
        owned(),
        same_owner("refunds", "refund_id"),
        due_index("stripe_calls", "PENDING"),
        parked_index("stripe_calls"),
        Index("uq_stripe_calls_message_id", "message_id", unique=True),
        Index("ix_stripe_calls_job", "job_id", postgresql_where="job_id IS NOT NULL"),
        Index("uq_stripe_calls_product", "product_id", unique=True, postgresql_where="status = 'PENDING'"),
        Index("uq_stripe_calls_refund", "refund_id", unique=True, postgresql_where="refund_id IS NOT NULL"),
        Index("ix_stripe_calls_sent", "sent_at", "id", postgresql_where="status = 'SENT'"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    kind: Mapped[CallKind] = mapped_column(choice(CallKind, "kind_known"))
    params: Mapped[dict[str, Any]]
    context: Mapped[dict[str, Any]]
    account: Mapped[str | None]
    job_id: Mapped[int | None] = reference("jobs", nullable=True)
    product_id: Mapped[int | None] = reference("products", nullable=True)
    refund_id: Mapped[int | None]
    give_up_at: Mapped[datetime | None]
    response: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None]
    status: Mapped[DeliveryStatus] = mapped_column(choice(DeliveryStatus, "status_known"), server_default="PENDING")


class StripeObject(Base):
    """A product or a price as Stripe last said it is, of those that the catalog knows: what drifts is shown to staff.

    The primary key keeps one statement of each. `said` is what we compare; `updated` is Stripe's own time of it, in
    seconds: of two statements the later one counts, and of one second the one that answers our own call: `ours` is the
    number of that call, 0 where it is an event.
    """

    __tablename__ = "stripe_objects"
    __table_args__ = (PrimaryKeyConstraint("organization_id", "stripe_id"),)

    organization_id: Mapped[int] = reference("organizations")
    stripe_id: Mapped[str]
    product_id: Mapped[int] = reference("products", index=True)
    said: Mapped[dict[str, Any]]
    updated: Mapped[int]
    ours: Mapped[int] = mapped_column(server_default="0")
    noticed_at: Mapped[datetime]
