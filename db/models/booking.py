"""One person in one session, or the draft of it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice, identity, never_at_once, owned, positive, reference, same_owner
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


# Whoever has a place in a session has a booking that is one of these.
ACTIVE = (BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.NO_SHOW)
IS_ACTIVE = "status IN ('CONFIRMED', 'COMPLETED', 'NO_SHOW')"
TAKES_PLACE = "place IS NOT NULL"


class Booking(Base):
    """A booking; a DRAFT has no start time, a booking that takes place has one.

    A draft is linked to the order that paid for it and to the allowance whose credit it will spend.
    A draft that was cancelled never got a start time.

    Never oversold: an active booking has a `place`, a number from 1 to the session's capacity. Unique
    (session, `place`), and `session_capacity` follows the session by its foreign key: there are no more
    active bookings than places, whoever writes them. Unique (session, seat): one person on a seat.
    Unique (session, student) without guests: one booking of a student. Excluded: two sessions of one
    student at the same time. Unique (package) of what a friend pass paid: a friend comes along once.
    Unique (package, course step) of what stands or was taken part in: one per step and enrollment.
    A guest is a booking of its own that hangs on its host's, unique `guest_of`.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        Index("ix_bookings_student", "student_id", "id"),
        same_owner("students", "student_id"),
        Index("ix_bookings_order", "order_id"),
        Index("ix_bookings_package", "student_package_id"),
        Index("ix_bookings_drafts", "allowance_id", "id", postgresql_where=text("status = 'DRAFT'")),
        owned(),
        same_owner("class_sessions", "session_id"),
        ForeignKeyConstraint(
            ["session_id", "session_capacity"],
            ["class_sessions.id", "class_sessions.capacity"],
            name="fk_bookings_session_capacity",
            onupdate="CASCADE",
        ),
        same_owner("seats", "seat_id"),
        # Whoever has no place is in it too: the session's capacity finds all its bookings by it.
        Index("uq_bookings_place", "session_id", "place", unique=True),
        Index(
            "uq_bookings_seat",
            "session_id",
            "seat_id",
            unique=True,
            postgresql_where=text(f"{TAKES_PLACE} AND seat_id IS NOT NULL"),
        ),
        Index(
            "uq_bookings_session_student",
            "session_id",
            "student_id",
            unique=True,
            postgresql_where=text(f"{TAKES_PLACE} AND guest_of IS NULL"),
        ),
        Index(
            "uq_bookings_guest",
            "guest_of",
            unique=True,
            postgresql_where=text(f"{TAKES_PLACE} AND guest_of IS NOT NULL"),
        ),
        Index(
            "uq_bookings_friend_pass",
            "student_package_id",
            unique=True,
            postgresql_where=text("payment_type = 'FRIEND_PASS' AND status <> 'CANCELLED'"),
        ),
        # What a student has ahead of them, whatever the statistics say.
        Index(
            "ix_bookings_ahead",
            "student_id",
            "end_at",
            postgresql_where=text(f"{TAKES_PLACE} AND guest_of IS NULL"),
        ),
        same_owner("course_steps", "course_step_id"),
        Index(
            "uq_bookings_step",
            "student_package_id",
            "course_step_id",
            unique=True,
            postgresql_where=text("course_step_id IS NOT NULL AND status IN ('CONFIRMED', 'COMPLETED')"),
        ),
        never_at_once("ex_bookings_student", "student_id", where=f"{TAKES_PLACE} AND guest_of IS NULL"),
        CheckConstraint(
            "CASE status WHEN 'DRAFT' THEN start_at IS NULL AND end_at IS NULL WHEN 'CANCELLED' THEN TRUE"
            " ELSE start_at IS NOT NULL AND end_at IS NOT NULL END",
            name="start_follows_status",
        ),
        CheckConstraint(f"({IS_ACTIVE}) = (place IS NOT NULL)", name="active_has_place"),
        CheckConstraint("(place IS NULL) = (session_capacity IS NULL)", name="place_has_capacity"),
        CheckConstraint("place IS NULL OR session_id IS NOT NULL", name="place_has_session"),
        CheckConstraint("place BETWEEN 1 AND session_capacity", name="place_within_capacity"),
        CheckConstraint("(guest_of IS NULL) = (guest_name IS NULL)", name="guest_has_name"),
        CheckConstraint("start_at < end_at", name="ends_after_start"),
        CheckConstraint("(booking_type = 'COURSE_STEP') = (course_step_id IS NOT NULL)", name="step_has_type"),
        CheckConstraint("(payment_type = 'COURSE') = (course_step_id IS NOT NULL)", name="step_is_paid_by_course"),
        positive("minutes"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int]
    session_id: Mapped[int | None]
    session_capacity: Mapped[int | None]
    place: Mapped[int | None] = mapped_column(SmallInteger)
    seat_id: Mapped[int | None]
    guest_of: Mapped[int | None] = mapped_column(ForeignKey("bookings.id"))
    guest_name: Mapped[str | None]
    guest_email: Mapped[str | None]
    order_id: Mapped[int | None] = reference("orders", nullable=True)
    student_package_id: Mapped[int | None] = reference("student_packages", nullable=True)
    course_step_id: Mapped[int | None]
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


class AllAccessDailyUsage(Base):
    """One local calendar day of a student's All-Access, used by one booking.

    Unique (student, day, `slot`) of what was not freed: one session a day, or as many as the pass allows,
    whichever of the student's passes pays. A cancellation in time frees it; a no-show does not.
    """

    __tablename__ = "all_access_daily_usages"
    __table_args__ = (
        same_owner("students", "student_id"),
        same_owner("student_packages", "student_package_id"),
        same_owner("bookings", "booking_id"),
        Index(
            "uq_all_access_daily_usages_day",
            "student_id",
            "usage_date",
            "slot",
            unique=True,
            postgresql_where=text("freed_at IS NULL"),
        ),
        Index(
            "uq_all_access_daily_usages_booking",
            "booking_id",
            unique=True,
            postgresql_where=text("freed_at IS NULL"),
        ),
        Index("ix_all_access_daily_usages_package", "student_package_id", "id"),
        positive("slot"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int]
    student_package_id: Mapped[int]
    booking_id: Mapped[int]
    usage_date: Mapped[date]
    slot: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    freed_at: Mapped[datetime | None]
