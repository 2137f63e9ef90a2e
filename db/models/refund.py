"""Money back: the refunds that staff ordered here, and what of orders a person must look at."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice, identity, owned, positive, reference, same_owner


class RefundStatus(StrEnum):
    """How far a refund got; what it took back of the ledger stands unless it FAILED."""

    REQUESTED = "REQUESTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Refund(Base):
    """A refund that staff ordered: recorded with what it takes back of the ledger, before Stripe is asked for it.

    Its lines are those of the ledger that name it. One that `is_whole` has none: the money goes back whole, and the
    packages with it. Unique Stripe id. Money is in minor units of `currency`; `actor` is as in a job's `caller`.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        owned(),
        same_owner("orders", "order_id"),
        UniqueConstraint("stripe_refund_id", "organization_id"),
        Index("ix_refunds_order", "order_id", "id"),
        positive("amount"),
        CheckConstraint("(status = 'REQUESTED') = (finished_at IS NULL)", name="finished_has_time"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    order_id: Mapped[int]
    amount: Mapped[int]
    currency: Mapped[str]
    is_whole: Mapped[bool]
    reason: Mapped[str]
    actor: Mapped[str]
    status: Mapped[RefundStatus] = mapped_column(choice(RefundStatus, "status_known"), server_default="REQUESTED")
    stripe_refund_id: Mapped[str | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReviewKind(StrEnum):
    """Why a person must look at an order."""

    PARTIAL_REFUND = "PARTIAL_REFUND"
    REFUND_FAILED = "REFUND_FAILED"
    CONSUMED = "CONSUMED"
    DISPUTED = "DISPUTED"
    COUPON_EXHAUSTED = "COUPON_EXHAUSTED"


class OrderReview(Base):
    """Something about an order that staff must look at, until one of them says it is settled.

    Unique (order, kind, `about`): noted once, whatever comes how often. `about` is the Stripe id of the
    fact, or `refund:` and our id of a refund that Stripe did not make.
    """

    __tablename__ = "order_reviews"
    __table_args__ = (
        same_owner("orders", "order_id"),
        UniqueConstraint("order_id", "kind", "about"),
        Index("ix_order_reviews_list", "organization_id", "id"),
        Index("ix_order_reviews_open", "organization_id", "id", postgresql_where="resolved_at IS NULL"),
        CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved_by_somebody"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    order_id: Mapped[int]
    kind: Mapped[ReviewKind] = mapped_column(choice(ReviewKind, "kind_known"))
    about: Mapped[str]
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    note: Mapped[str | None]
