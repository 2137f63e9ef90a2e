"""Money in: what Stripe says about a payment, and the order that it pays."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, choice, identity, not_negative, owned, reference, same_owner
from db.models.product import Product, ProductType


class PaymentStatus(StrEnum):
    """How far a payment got; of several facts the later in this list wins, whatever came first."""

    PENDING = "PENDING"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    SUCCEEDED = "SUCCEEDED"


class OrderStatus(StrEnum):
    """Where a purchase stands."""

    PENDING = "PENDING"
    PAID = "PAID"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class DisputeStatus(StrEnum):
    """What a dispute did to the money; inquiries move none and are not recorded here."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class GrantStatus(StrEnum):
    """What a payment makes of what it bought: valid, not to be used for now, or worth nothing any more."""

    VALID = "VALID"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"


class Payment(Base):
    """What Stripe says about one PaymentIntent, or a free Checkout.

    Unique (organization, `stripe_key`) is the guard of the whole system: one payment, one fulfilment.
    The key is the PaymentIntent's id, for a free Checkout its own. `facts` holds what each of Stripe's
    objects said of the purchase, by source; everything else about it is computed from their set.
    `part_of` makes the row another name of a payment: of an invoice, which Stripe pays by a PaymentIntent; it keeps no
    facts of its own. `subscription_key` is the subscription whose period it pays. `grant_status` is what all that makes
    of what it bought, `suspended_at` since when an open dispute keeps that from being used.
    """

    __tablename__ = "payments"
    __table_args__ = (
        # The key first: an event that names no organization looks it up by the key alone.
        UniqueConstraint("stripe_key", "organization_id"),
        Index("ix_payments_customer", "stripe_customer_id", postgresql_where="stripe_customer_id IS NOT NULL"),
        Index("ix_payments_subscription", "subscription_key", postgresql_where="subscription_key IS NOT NULL"),
        Index("ix_payments_part_of", "part_of", postgresql_where="part_of IS NOT NULL"),
        not_negative("amount_received"),
        CheckConstraint("amount_refunded BETWEEN 0 AND amount_received", name="refund_within_payment"),
        CheckConstraint("part_of IS NULL OR amount_received = 0", name="part_keeps_nothing"),
        CheckConstraint(
            "grant_status = 'REVOKED' OR dispute_status IS DISTINCT FROM 'LOST'"
            " AND (amount_received = 0 OR amount_refunded < amount_received)",
            name="grant_follows_money",
        ),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    stripe_key: Mapped[str]
    status: Mapped[PaymentStatus] = mapped_column(choice(PaymentStatus, "status_known"))
    facts: Mapped[dict[str, Any]]
    amount_received: Mapped[int]
    currency: Mapped[str]
    amount_refunded: Mapped[int] = mapped_column(server_default="0")
    dispute_status: Mapped[DisputeStatus | None] = mapped_column(choice(DisputeStatus, "dispute_status_known"))
    grant_status: Mapped[GrantStatus] = mapped_column(choice(GrantStatus, "grant_status_known"), server_default="VALID")
    stripe_customer_id: Mapped[str | None]
    subscription_key: Mapped[str | None]
    suspended_at: Mapped[datetime | None]
    part_of: Mapped[int | None] = reference("payments", nullable=True)
    received_at: Mapped[datetime]


class Subscription(Base):
    """What Stripe says about one subscription: a set of facts, as of a payment.

    Unique (organization, `stripe_key`). Whoever acts on it, or on an invoice of it, holds it before any payment.
    `status` is Stripe's own word, for whoever looks; `cancels_at` is when it will end, `ended_at` when it did.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (UniqueConstraint("stripe_key", "organization_id"),)

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    stripe_key: Mapped[str]
    facts: Mapped[dict[str, Any]]
    status: Mapped[str | None]
    cancels_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    received_at: Mapped[datetime]


class Order(Base):
    """The purchase record; there is no parent booking.

    Unique `payment_id`: a payment pays one order. `product_id` is null for a cart of several
    products, which stand on its packages. Money is in minor units of `currency`; `discount` is what a coupon took off
    the list price.
    """

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_student", "student_id", "id"),
        Index("ix_orders_pending", "created_at", "id", postgresql_where="status = 'PENDING'"),
        owned(),
        same_owner("students", "student_id"),
        not_negative("list_price"),
        not_negative("discount"),
        not_negative("paid"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int]
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), unique=True)
    product_id: Mapped[int | None] = reference("products", nullable=True)
    order_type: Mapped[ProductType] = mapped_column(choice(ProductType, "order_type_known"))
    status: Mapped[OrderStatus] = mapped_column(choice(OrderStatus, "status_known"))
    list_price: Mapped[int]
    discount: Mapped[int] = mapped_column(server_default="0")
    paid: Mapped[int]
    currency: Mapped[str]
    price_mismatch: Mapped[bool] = mapped_column(server_default="false")
    package_metadata: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    product: Mapped[Product | None] = relationship()
