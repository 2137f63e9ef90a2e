"""A booking that stands, as a batch meets it, and what is noted on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from db.models import BookingStatus, BookingType, PaymentType, ServiceType

# In a booking's metadata: when the late booking was made that it replaced; until when a promotion may be undone.
MADE_AT = "undoFrom"
UNDO_UNTIL = "undoUntil"
# Why staff made an exception: for staff alone to see.
STAFF_REASON = "staffReason"
# Of a missed step's booking: that its credit came back when staff opened the step again.
GIVEN_BACK = "reopenedAt"
# When the session was to begin before the studio moved it first, and when it moved it last; until when what paid lasts,
# where that became longer.
MOVED_FROM, MOVED_AT, EXTENDED = "movedFrom", "movedAt", "extendedUntil"


@dataclass(slots=True)
class Standing:
    """A booking that stands, as it was read."""

    id: int
    student_id: int
    session_id: int | None
    place: int | None
    seat_id: int | None
    guest_of: int | None
    guest_name: str | None
    guest_email: str | None
    order_id: int | None
    student_package_id: int | None
    course_step_id: int | None
    allowance_id: int | None
    status: BookingStatus
    booking_type: BookingType
    payment_type: PaymentType
    credits_used: int
    service_type: ServiceType
    minutes: int
    teacher_tier: int | None
    start_at: datetime | None
    end_at: datetime | None
    metadata: dict[str, object]
    created_at: datetime

    @property
    def made_at(self) -> datetime:
        """When it was made, or the late booking that it replaced."""
        noted = self.metadata.get(MADE_AT)
        return datetime.fromisoformat(str(noted)) if noted else self.created_at

    @property
    def undo_until(self) -> datetime | None:
        """Until when a promotion may be undone, free of charge; None of any other booking."""
        noted = self.metadata.get(UNDO_UNTIL)
        return datetime.fromisoformat(str(noted)) if noted else None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """Return what a row of the bookings says."""
        kinds: dict[str, Any] = {
            "status": BookingStatus(row["status"]),
            "booking_type": BookingType(row["booking_type"]),
            "payment_type": PaymentType(row["payment_type"]),
            "service_type": ServiceType(row["service_type"]),
        }
        return cls(**{each.name: row[each.name] for each in fields(cls)} | kinds)
