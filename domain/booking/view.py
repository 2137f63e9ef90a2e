"""What a student booked, for themselves and for the friends they bring along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Booking, BookingStatus, BookingType, PaymentType
from domain.booking.shape import for_student
from domain.listing import Part, newest_first


@dataclass(frozen=True, slots=True)
class BookingView:
    """A booking as its student sees it; a draft has no session and no times.

    A guest is a booking of its own, `guest_of` the student's; where their mail goes is not shown.
    """

    id: int
    session_id: int | None
    status: BookingStatus
    booking_type: BookingType
    payment_type: PaymentType
    credits_used: int
    start_at: datetime | None
    end_at: datetime | None
    seat_id: int | None
    guest_of: int | None
    guest_name: str | None
    course_step_id: int | None
    student_package_id: int | None
    order_id: int | None
    metadata: dict[str, Any]
    created_at: datetime


def bookings(
    session: Session, organization_id: int, student_id: int, part: Part, *, status: BookingStatus | None = None
) -> list[BookingView]:
    """Return a student's bookings and their guests', newest first; of one status, if one is named."""
    views = whole_bookings(session, organization_id, student_id, part, status=status)
    return [replace(view, metadata=for_student(view.metadata)) for view in views]


def whole_bookings(
    session: Session, organization_id: int, student_id: int, part: Part, *, status: BookingStatus | None = None
) -> list[BookingView]:
    """Return the same as staff see it: with why they made an exception."""
    booked = select(Booking).where(Booking.organization_id == organization_id, Booking.student_id == student_id)
    if status is not None:
        booked = booked.where(Booking.status == status)
    return [_view(booking) for booking in session.scalars(newest_first(booked, Booking.id, part))]


def _view(booking: Booking) -> BookingView:
    return BookingView(
        id=booking.id,
        session_id=booking.session_id,
        status=booking.status,
        booking_type=booking.booking_type,
        payment_type=booking.payment_type,
        credits_used=booking.credits_used,
        start_at=booking.start_at,
        end_at=booking.end_at,
        seat_id=booking.seat_id,
        guest_of=booking.guest_of,
        guest_name=booking.guest_name,
        course_step_id=booking.course_step_id,
        student_package_id=booking.student_package_id,
        order_id=booking.order_id,
        metadata=booking.details,
        created_at=booking.created_at,
    )
