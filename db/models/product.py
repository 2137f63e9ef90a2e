"""What can be bought: products, their Stripe prices, and the lines of a bundle."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ARRAY, CheckConstraint, Index, PrimaryKeyConstraint, SmallInteger, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, choice, identity, not_negative, owned, positive, reference


class ProductType(StrEnum):
    """What a product is."""

    PACKAGE = "PACKAGE"
    COURSE = "COURSE"


class ServiceType(StrEnum):
    """What a credit pays for."""

    PRIVATE = "PRIVATE"
    GROUP = "GROUP"
    COURSE = "COURSE"


class ValidityStart(StrEnum):
    """When the days of a package begin to count."""

    PURCHASE = "PURCHASE"
    FIRST_USE = "FIRST_USE"


class BillingInterval(StrEnum):
    """How often a subscription is paid for, in Stripe's words."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


class RefundPolicy(StrEnum):
    """What a refund of all that is left gives back where something was consumed by then (docs/adr/0021)."""

    UNUSED_ONLY = "UNUSED_ONLY"
    ALL = "ALL"
    REVIEW = "REVIEW"


# The units in which a credit can be counted, in minutes.
CREDIT_UNITS = (15, 30, 45, 60)
UNIT_CHECK = f"credit_unit_minutes IN {CREDIT_UNITS}"


class Product(Base):
    """A package or a course on sale.

    Unique (organization, `code`): the code is what Stripe's metadata names. Unique Stripe product id:
    one Stripe product means one thing. `deleted_at` takes it off sale; what was sold keeps its snapshot.
    A product that is scheduled later names the service and minutes of its drafts, and the tier of the teacher.
    One with a `billing_interval` is a subscription: `price` pays for one period. `sync_due_at` is since when Stripe
    does not know what it is now.
    """

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        UniqueConstraint("organization_id", "stripe_product_id"),
        owned(),
        not_negative("price"),
        positive("validity_days"),
        positive("all_access_days"),
        positive("all_access_daily_limit"),
        positive("friend_pass_days"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        CheckConstraint("(draft_service_type IS NULL) = (draft_minutes IS NULL)", name="draft_complete"),
        CheckConstraint("draft_minutes > 0", name="draft_minutes_positive"),
        CheckConstraint("billing_interval IS NULL OR product_type = 'PACKAGE'", name="subscription_is_a_package"),
        CheckConstraint("billing_interval_count BETWEEN 1 AND 36", name="billing_interval_bounded"),
        Index("ix_products_sync_due", "sync_due_at", "id", postgresql_where="sync_due_at IS NOT NULL"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    code: Mapped[str]
    name: Mapped[str]
    product_type: Mapped[ProductType] = mapped_column(choice(ProductType, "product_type_known"))
    price: Mapped[int]
    currency: Mapped[str]
    validity_days: Mapped[int]
    validity_starts: Mapped[ValidityStart] = mapped_column(choice(ValidityStart, "validity_starts_known"))
    bundle_description: Mapped[str | None]
    all_access_days: Mapped[int | None]
    all_access_services: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{GROUP}")
    all_access_daily_limit: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    friend_pass_days: Mapped[int | None]
    elite_badge: Mapped[bool] = mapped_column(server_default="false")
    draft_service_type: Mapped[ServiceType | None] = mapped_column(choice(ServiceType, "draft_service_type_known"))
    draft_minutes: Mapped[int | None] = mapped_column(SmallInteger)
    draft_teacher_tier: Mapped[int | None] = mapped_column(SmallInteger)
    billing_interval: Mapped[BillingInterval | None] = mapped_column(choice(BillingInterval, "billing_interval_known"))
    billing_interval_count: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    refund_policy: Mapped[RefundPolicy] = mapped_column(
        choice(RefundPolicy, "refund_policy_known"), server_default="UNUSED_ONLY"
    )
    stripe_product_id: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    sync_due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    allowances: Mapped[list[PackageAllowance]] = relationship(
        order_by="PackageAllowance.position", cascade="all, delete-orphan"
    )
    prices: Mapped[list[StripePrice]] = relationship(cascade="all, delete-orphan")


class StripePrice(Base):
    """A Stripe price that sells a product, today's and those it had: a late payment names an old one.

    What it costs is known of those that we made, or that Stripe was asked about. `active` are those that can be bought.
    """

    __tablename__ = "stripe_prices"
    __table_args__ = (PrimaryKeyConstraint("organization_id", "stripe_price_id"),)

    organization_id: Mapped[int] = reference("organizations")
    stripe_price_id: Mapped[str]
    product_id: Mapped[int] = reference("products", index=True)
    unit_amount: Mapped[int | None]
    currency: Mapped[str | None]
    billing_interval: Mapped[BillingInterval | None] = mapped_column(choice(BillingInterval, "billing_interval_known"))
    billing_interval_count: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    lookup_key: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")


class PackageAllowance(Base):
    """One line of a bundle: credits of one service type, for teachers up to a tier (0 = any).

    Unique over what the credits are good for: two lines alike would be one line. `weight` is the
    line's share of the price per credit; null shares it equally.
    """

    __tablename__ = "package_allowances"
    __table_args__ = (
        UniqueConstraint("product_id", "service_type", "teacher_tier", "credit_unit_minutes"),
        UniqueConstraint("product_id", "position"),
        positive("credits"),
        positive("weight"),
        not_negative("teacher_tier"),
        CheckConstraint(UNIT_CHECK, name="unit_known"),
    )

    id: Mapped[int] = identity()
    product_id: Mapped[int] = reference("products")
    position: Mapped[int] = mapped_column(SmallInteger)
    service_type: Mapped[ServiceType] = mapped_column(choice(ServiceType, "service_type_known"))
    teacher_tier: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    credits: Mapped[int]
    credit_unit_minutes: Mapped[int] = mapped_column(SmallInteger)
    weight: Mapped[int | None]
