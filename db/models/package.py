"""What a student holds: packages as sold, their allowances, and the ledger of their use."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ARRAY, CheckConstraint, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, choice, identity, not_negative, owned, positive, reference, same_owner
from db.models.order import Order
from db.models.product import UNIT_CHECK, ServiceType, ValidityStart


class UseKind(StrEnum):
    """Why a line stands on the ledger."""

    SPEND = "SPEND"
    RETURN = "RETURN"
    BONUS = "BONUS"
    TAKEN_BACK = "TAKEN_BACK"
    ADJUST = "ADJUST"


# What has an end that the clock has not acted on: packages, passes of All-Access, friend passes.
def _not_noted(ends: str, noted: str) -> str:
    return f"{ends} IS NOT NULL AND ({noted} IS NULL OR {noted} < {ends})"


ENDING = _not_noted("expires_at", "expiry_noted")
PASS_ENDING = _not_noted("all_access_expires_at", "pass_expiry_noted")
FRIEND_ENDING = _not_noted("friend_pass_expires_at", "friend_expiry_noted")


class RedemptionType(StrEnum):
    """How a package came to its student: as it is on sale, or by what kind of coupon."""

    PACKAGE_DIRECT = "PACKAGE_DIRECT"
    COUPON_PACKAGE = "COUPON_PACKAGE"
    COUPON_DISCOUNT = "COUPON_DISCOUNT"
    COUPON_BONUS = "COUPON_BONUS"


class StudentPackage(Base):
    """A package as it was sold, whatever became of the product since.

    Unique (order, line, unit): each unit bought is one package, once. The status is derived, see
    `domain.holding.package.status`. `expires_at` is the exclusive instant of a local midnight; null until the first
    use where the validity starts there. `extended_until` is an end that the
    studio gave it, later than its days would. `expiry_noted` is the end that the clock has acted on,
    `pass_expiry_noted` and `friend_expiry_noted` those of the All-Access and of the friend pass: an end that became
    later is due again. One that lies beyond its end says that nobody was told, because the payment had gone back or was
    disputed: if that comes back, it is due again too.
    """

    __tablename__ = "student_packages"
    __table_args__ = (
        UniqueConstraint("order_id", "line", "unit"),
        Index("ix_student_packages_student", "student_id", "id"),
        Index("ix_student_packages_list", "organization_id", "id"),
        Index("ix_student_packages_product", "product_id", "id"),
        Index("ix_student_packages_coupon", "coupon_id", "id", postgresql_where="coupon_id IS NOT NULL"),
        Index(
            "ix_student_packages_by_coupon",
            "organization_id",
            "redemption_type",
            "id",
            postgresql_where="redemption_type <> 'PACKAGE_DIRECT'",
        ),
        Index("ix_student_packages_ending", "expires_at", "id", postgresql_where=ENDING),
        Index("ix_student_packages_pass_ending", "all_access_expires_at", "id", postgresql_where=PASS_ENDING),
        Index("ix_student_packages_friend_ending", "friend_pass_expires_at", "id", postgresql_where=FRIEND_ENDING),
        owned(),
        same_owner("orders", "order_id"),
        same_owner("coupons", "coupon_id"),
        CheckConstraint("(redemption_type = 'PACKAGE_DIRECT') = (coupon_id IS NULL)", name="coupon_follows_type"),
        CheckConstraint("(all_access_starts_at IS NULL) = (all_access_expires_at IS NULL)", name="all_access_whole"),
        CheckConstraint("all_access_starts_at < all_access_expires_at", name="all_access_window"),
        CheckConstraint("starts_at < expires_at", name="validity_window"),
        positive("all_access_daily_limit"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int] = reference("students")
    order_id: Mapped[int]
    product_id: Mapped[int] = reference("products")
    line: Mapped[int] = mapped_column(SmallInteger)
    unit: Mapped[int] = mapped_column(SmallInteger)
    product_code: Mapped[str]
    name: Mapped[str]
    bundle_description: Mapped[str]
    validity_days: Mapped[int]
    validity_starts: Mapped[ValidityStart] = mapped_column(choice(ValidityStart, "validity_starts_known"))
    purchased_at: Mapped[datetime]
    starts_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    all_access_starts_at: Mapped[datetime | None]
    all_access_expires_at: Mapped[datetime | None]
    all_access_services: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{GROUP}")
    all_access_daily_limit: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    friend_pass_expires_at: Mapped[datetime | None]
    elite_badge: Mapped[bool] = mapped_column(server_default="false")
    extended_until: Mapped[datetime | None]
    expiry_noted: Mapped[datetime | None]
    pass_expiry_noted: Mapped[datetime | None]
    friend_expiry_noted: Mapped[datetime | None]
    redemption_type: Mapped[RedemptionType] = mapped_column(
        choice(RedemptionType, "redemption_type_known"), server_default="PACKAGE_DIRECT"
    )
    coupon_id: Mapped[int | None]
    notes: Mapped[str | None]
    redeemed_by: Mapped[str | None]

    order: Mapped[Order] = relationship()
    allowances: Mapped[list[StudentPackageAllowance]] = relationship(order_by="StudentPackageAllowance.position")


class StudentPackageAllowance(Base):
    """One line of a package as sold, with a balance of its own: credits minus the sum of its ledger."""

    __tablename__ = "student_package_allowances"
    __table_args__ = (
        UniqueConstraint("student_package_id", "position"),
        same_owner("student_packages", "student_package_id"),
        positive("credits"),
        positive("weight"),
        not_negative("teacher_tier"),
        CheckConstraint(UNIT_CHECK, name="unit_known"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_package_id: Mapped[int]
    position: Mapped[int] = mapped_column(SmallInteger)
    service_type: Mapped[ServiceType] = mapped_column(choice(ServiceType, "service_type_known"))
    teacher_tier: Mapped[int] = mapped_column(SmallInteger)
    credits: Mapped[int]
    credit_unit_minutes: Mapped[int] = mapped_column(SmallInteger)
    weight: Mapped[int | None]


class PackageUse(Base):
    """One line of the ledger, append-only; positive credits are used up, negative ones come back.

    The sign follows from the kind, and the database insists on it. The covering index answers a
    balance without touching the table. What staff adjust has its `reason` and who did it, as in a job's `caller`.
    Unique (refund, allowance, sign): what a refund takes back it takes once, and gives back once if it failed.
    """

    __tablename__ = "package_uses"
    __table_args__ = (
        CheckConstraint(
            "CASE kind WHEN 'SPEND' THEN credits > 0"
            " WHEN 'RETURN' THEN credits < 0 WHEN 'BONUS' THEN credits < 0 ELSE credits <> 0 END",
            name="sign_follows_kind",
        ),
        CheckConstraint("kind <> 'ADJUST' OR (reason IS NOT NULL AND actor IS NOT NULL)", name="adjustment_has_reason"),
        CheckConstraint("(kind = 'TAKEN_BACK') = (refund_id IS NOT NULL)", name="taken_back_by_refund"),
        same_owner("refunds", "refund_id"),
        Index("ix_package_uses_balance", "allowance_id", postgresql_include=["credits"]),
        Index(
            "uq_package_uses_refund",
            "refund_id",
            "allowance_id",
            text("(credits > 0)"),
            unique=True,
            postgresql_where="refund_id IS NOT NULL",
        ),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    allowance_id: Mapped[int] = reference("student_package_allowances")
    kind: Mapped[UseKind] = mapped_column(choice(UseKind, "kind_known"))
    credits: Mapped[int]
    booking_id: Mapped[int | None] = reference("bookings", index=True, nullable=True)
    refund_id: Mapped[int | None]
    reason: Mapped[str | None]
    actor: Mapped[str | None]
    created_at: Mapped[datetime]
