"""A session as JSON, as the studio sees it: what its routes answer, and what its commands end in."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from domain.booking.shape import written
from domain.calendar import calendar
from domain.calendar.calendar import CalendarRow, CalendarSeat


def shown_session(session: Session, organization_id: int, session_id: int) -> dict[str, Any]:
    """Return a session that is there, as it stands in this transaction."""
    row = calendar.one(session, organization_id, session_id)
    assert row is not None  # noqa: S101 - whoever asks has locked it
    return _shown(row)


def _shown(row: CalendarRow) -> dict[str, Any]:
    seats = None if row.seats is None else [_seat(each) for each in row.seats]
    return {
        "sessionId": row.id,
        "groupClassId": row.group_class_id,
        "groupClassCode": row.group_class_code,
        "groupClassName": row.group_class_name,
        "isWorkshop": row.is_workshop,
        "serviceType": row.service_type.value,
        "startAt": written(row.start_at),
        "endAt": written(row.end_at),
        "capacityMax": row.capacity,
        "spotsAvailable": row.spots_available,
        "teacherId": row.teacher_id,
        "teacherName": row.teacher_name,
        "teacherTier": row.teacher_tier,
        **({"seats": seats} if seats is not None else {}),
        "status": row.status.value,
        "bookings": row.taken,
        "arranged": row.arranged,
        **({"cancelReason": row.cancel_reason} if row.cancel_reason else {}),
    }


def _seat(seat: CalendarSeat) -> dict[str, Any]:
    return {"seatId": seat.id, "label": seat.label, "creditCost": seat.credit_cost, "taken": seat.taken}
