"""Coupons, what they apply to, and who used one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, choice, identity, not_negative, owned, positive, reference, same_owner
from db.models.product import Product

# A limit that is none: limits are compared by the database, and null compares with nothing.
UNLIMITED = 1_000_000_000


class CouponType(StrEnum):
    """What a coupon does to a purchase."""

    DISCOUNT = "DISCOUNT"
    PACKAGE = "PACKAGE"
    CREDIT_BONUS = "CREDIT_BONUS"


class DiscountType(StrEnum):
    """How a discount is counted: in percent, or in minor units."""

    PERCENTAGE = "PERCENTAGE"
    FIXED_AMOUNT = "FIXED_AMOUNT"


class CouponUseStatus(StrEnum):
    """Where a use of a coupon stands; a Checkout holds its use until it is paid or `held_until` has passed."""

    HELD = "HELD"
    USED = "USED"
    RELEASED = "RELEASED"


class Coupon(Base):
    """A code that makes a package cheaper, another, or larger.

    Unique (`code`, organization) of what was not deleted, written in capitals. `product_id` is the package of a
    PACKAGE coupon; `products` are those that the others apply to, none being all. Limits that are none are `UNLIMITED`.
    Unique (id, limits): what the numbers of its uses refer to.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        owned(),
        UniqueConstraint("id", "max_redemptions", "max_redemptions_per_student", name="uq_coupons_limits"),
        Index("uq_coupons_code", "code", "organization_id", unique=True, postgresql_where=text("deleted_at IS NULL")),
        CheckConstraint("code = upper(code)", name="code_in_capitals"),
        CheckConstraint(
            "(coupon_type = 'DISCOUNT') = (discount_type IS NOT NULL AND discount_value IS NOT NULL)",
            name="discount_complete",
        ),
        CheckConstraint("(discount_type IS NULL) = (discount_value IS NULL)", name="discount_whole"),
        CheckConstraint(
            "discount_value > 0 AND (discount_type <> 'PERCENTAGE' OR discount_value <= 100)", name="discount_bounds"
        ),
        CheckConstraint("(coupon_type = 'PACKAGE') = (product_id IS NOT NULL)", name="package_named"),
        CheckConstraint(
            "coupon_type = 'PACKAGE' OR (custom_price IS NULL AND custom_credits IS NULL)", name="custom_is_a_package"
        ),
        CheckConstraint("(coupon_type = 'CREDIT_BONUS') = (bonus_credits IS NOT NULL)", name="bonus_complete"),
        CheckConstraint("valid_from < valid_until", name="window"),
        not_negative("custom_price"),
        positive("custom_credits"),
        positive("bonus_credits"),
        positive("max_redemptions"),
        positive("max_redemptions_per_student"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    code: Mapped[str]
    name: Mapped[str]
    coupon_type: Mapped[CouponType] = mapped_column(choice(CouponType, "coupon_type_known"))
    discount_type: Mapped[DiscountType | None] = mapped_column(choice(DiscountType, "discount_type_known"))
    discount_value: Mapped[int | None]
    product_id: Mapped[int | None] = reference("products", nullable=True)
    custom_price: Mapped[int | None]
    custom_credits: Mapped[int | None]
    bonus_credits: Mapped[int | None]
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    max_redemptions: Mapped[int] = mapped_column(server_default=str(UNLIMITED))
    max_redemptions_per_student: Mapped[int] = mapped_column(server_default="1")
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    product: Mapped[Product | None] = relationship()
    products: Mapped[list[Product]] = relationship(secondary="coupon_products", order_by=Product.id)


class CouponProduct(Base):
    """A product that a coupon applies to."""

    __tablename__ = "coupon_products"
    __table_args__ = (PrimaryKeyConstraint("coupon_id", "product_id"),)

    coupon_id: Mapped[int] = reference("coupons")
    product_id: Mapped[int] = reference("products", index=True)


class CouponUse(Base):
    """One use of a coupon by a student, held or spent.

    Never above the limits: a use that counts has a `number` from 1 to the coupon's limit, and a `student_number` from
    1 to the limit per student. Unique (coupon, number) and (coupon, student, number); the limits follow the coupon by
    the foreign key. A use that was released has no numbers.
    """

    __tablename__ = "coupon_uses"
    __table_args__ = (
        same_owner("coupons", "coupon_id"),
        same_owner("students", "student_id"),
        same_owner("student_packages", "student_package_id"),
        ForeignKeyConstraint(
            ["coupon_id", "max_redemptions", "max_redemptions_per_student"],
            ["coupons.id", "coupons.max_redemptions", "coupons.max_redemptions_per_student"],
            name="fk_coupon_uses_limits",
            onupdate="CASCADE",
        ),
        Index("uq_coupon_uses_number", "coupon_id", "number", unique=True),
        Index("uq_coupon_uses_student_number", "coupon_id", "student_id", "student_number", unique=True),
        Index("uq_coupon_uses_package", "student_package_id", unique=True),
        Index("ix_coupon_uses_student", "student_id"),
        Index("ix_coupon_uses_held", "held_until", postgresql_where=text("status = 'HELD'")),
        CheckConstraint("(status = 'RELEASED') = (number IS NULL)", name="counts_or_released"),
        CheckConstraint("(number IS NULL) = (student_number IS NULL)", name="numbers_whole"),
        CheckConstraint("number BETWEEN 1 AND max_redemptions", name="within_limit"),
        CheckConstraint("student_number BETWEEN 1 AND max_redemptions_per_student", name="within_limit_of_student"),
        CheckConstraint("(status = 'HELD') = (held_until IS NOT NULL)", name="held_until_when"),
        CheckConstraint("status = 'USED' OR student_package_id IS NULL", name="package_was_used_for"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    coupon_id: Mapped[int]
    student_id: Mapped[int]
    max_redemptions: Mapped[int]
    max_redemptions_per_student: Mapped[int]
    number: Mapped[int | None]
    student_number: Mapped[int | None]
    status: Mapped[CouponUseStatus] = mapped_column(choice(CouponUseStatus, "status_known"))
    held_until: Mapped[datetime | None]
    student_package_id: Mapped[int | None]
    created_at: Mapped[datetime]
