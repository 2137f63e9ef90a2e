"""One person in one session, or the draft of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice, identity, positive, reference, same_owner
from db.models.product import ServiceType


class BookingStatus(StrEnum):
    """Where a booking stands."""

    DRAFT = "DRAFT"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"
    NO_SHOW = "NO_SHOW"
    FORFEITED = "FORFEITED"


class BookingType(StrEnum):
    """How a booking came to be."""

    COURSE_STEP = "COURSE_STEP"
    WORKSHOP = "WORKSHOP"
    PACKAGE_SESSION = "PACKAGE_SESSION"
    DROP_IN = "DROP_IN"


class PaymentType(StrEnum):
    """What paid for a booking."""

    ALL_ACCESS = "ALL_ACCESS"
    CREDIT = "CREDIT"
    FRIEND_PASS = "FRIEND_PASS"  # noqa: S105 - a way to pay, not a password
    FREE = "FREE"
    COURSE = "COURSE"


class Booking(Base):
    """A booking; a DRAFT has no start time, a booking that takes place has one.

    A draft is linked to the order that paid for it and to the allowance whose credit it will spend.
    A draft that was cancelled never got a start time.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        Index("ix_bookings_student", "student_id", "id"),
        same_owner("students", "student_id"),
        Index("ix_bookings_order", "order_id"),
        Index("ix_bookings_package", "student_package_id"),
        CheckConstraint(
            "CASE status WHEN 'DRAFT' THEN start_at IS NULL AND end_at IS NULL WHEN 'CANCELLED' THEN TRUE"
            " ELSE start_at IS NOT NULL AND end_at IS NOT NULL END",
            name="start_follows_status",
        ),
        CheckConstraint("start_at < end_at", name="ends_after_start"),
        positive("minutes"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int]
    order_id: Mapped[int | None] = reference("orders", nullable=True)
    student_package_id: Mapped[int | None] = reference("student_packages", nullable=True)
    allowance_id: Mapped[int | None] = reference("student_package_allowances", nullable=True)
    status: Mapped[BookingStatus] = mapped_column(choice(BookingStatus, "status_known"))
    booking_type: Mapped[BookingType] = mapped_column(choice(BookingType, "booking_type_known"))
    payment_type: Mapped[PaymentType] = mapped_column(choice(PaymentType, "payment_type_known"))
    credits_used: Mapped[int] = mapped_column(server_default="0")
    service_type: Mapped[ServiceType] = mapped_column(choice(ServiceType, "service_type_known"))
    minutes: Mapped[int] = mapped_column(SmallInteger)
    teacher_tier: Mapped[int | None] = mapped_column(SmallInteger)
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default="{}")
    created_at: Mapped[datetime]
