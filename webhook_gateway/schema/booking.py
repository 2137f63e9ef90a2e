"""Bookings: a person in a session, or the draft of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from db.models import BookingStatus, BookingType, PaymentType
from webhook_gateway.schema.base import Output, Page, PageQuery, optional


class BookingQuery(PageQuery):
    """Which bookings."""

    status: BookingStatus | None = None


class Booking(Output):
    """A booking; a draft has no times."""

    id: int
    session_id: int | None = None
    status: BookingStatus
    booking_type: BookingType
    payment_type: PaymentType
    credits_used: int
    start_at: datetime | None
    end_at: datetime | None
    student_package_id: int | None = optional()
    order_id: int | None = optional()
    metadata: dict[str, Any]
    created_at: datetime


class BookingPage(Page[Booking]):
    """A page of bookings."""
