"""A booking as JSON: the shape of a job's result, of a student's list, and of what other systems are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.booking.standing import STAFF_REASON

Json = dict[str, Any]


def shown(booking: Mapping[str, Any]) -> Json:
    """Return a row of the bookings as its student sees it; a guest's address is nobody's to see."""
    optional = {
        "seatId": booking["seat_id"],
        "courseStepId": booking["course_step_id"],
        "studentPackageId": booking["student_package_id"],
        "orderId": booking["order_id"],
        "guestOf": booking["guest_of"],
        "guestName": booking["guest_name"],
    }
    return {
        "id": booking["id"],
        "sessionId": booking["session_id"],
        "status": str(booking["status"]),
        "bookingType": str(booking["booking_type"]),
        "paymentType": str(booking["payment_type"]),
        "creditsUsed": booking["credits_used"],
        "startAt": written(booking["start_at"]),
        "endAt": written(booking["end_at"]),
        **{name: value for name, value in optional.items() if value is not None},
        "metadata": for_student(booking["metadata"]),
        "createdAt": written(booking["created_at"]),
    }


def for_student(metadata: Mapping[str, Any]) -> Json:
    """Return what a student may read of a booking's metadata."""
    return {name: value for name, value in metadata.items() if name != STAFF_REASON}


def told(booking: Mapping[str, Any], student: str | None) -> Json:
    """Return what other systems are told of a booking: ids and times, no person's name; of a change, what was."""
    replaced = booking["metadata"].get("changedFrom")
    return {
        "bookingId": booking["id"],
        "sessionId": booking["session_id"],
        "studentId": student,
        "status": str(booking["status"]),
        "paymentType": str(booking["payment_type"]),
        "startAt": written(booking["start_at"]),
        "endAt": written(booking["end_at"]),
        "isGuest": booking["guest_of"] is not None,
        **({"courseStepId": booking["course_step_id"]} if booking["course_step_id"] else {}),
        **({"changedFrom": replaced} if replaced else {}),
    }


def written(instant: datetime | None) -> str | None:
    """Return an instant in UTC as RFC 3339."""
    return instant.isoformat().replace("+00:00", "Z") if instant else None
