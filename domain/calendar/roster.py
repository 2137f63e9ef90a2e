"""Who comes to a session, for those who run it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Booking, BookingStatus, ClassSession, PaymentType, Student
from domain.calendar import calendar
from domain.calendar.calendar import CalendarRow, Span
from domain.listing import TimedPart, earliest_first


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One person in a session; `student_id` is the frontend's own, of a guest their host's."""

    id: int
    student_id: str | None
    name: str | None
    email: str | None
    status: BookingStatus
    payment_type: PaymentType
    seat_id: int | None
    guest_of: int | None
    guest_name: str | None


def sessions(session: Session, organization_id: int, span: Span, part: TimedPart) -> list[CalendarRow]:
    """Return an organization's sessions in the order of their starts, also those that were called off."""
    during = calendar.during(organization_id, span)
    return calendar.rows(session, earliest_first(during, ClassSession.start_at, ClassSession.id, part))


def roster(session: Session, organization_id: int, session_id: int) -> list[RosterLine]:
    """Return who has a place in a session, in the order in which they were booked."""
    booked = (
        select(
            Booking.id,
            Student.external_id.label("student_id"),
            Student.name,
            Student.email,
            Booking.status,
            Booking.payment_type,
            Booking.seat_id,
            Booking.guest_of,
            Booking.guest_name,
        )
        .join(Student, Student.id == Booking.student_id)
        .where(
            Booking.organization_id == organization_id,
            Booking.session_id == session_id,
            Booking.place.is_not(None),
        )
        .order_by(Booking.id)
    )
    return [RosterLine(**row) for row in session.execute(booked).mappings()]
