"""What commands ask of a session and a booking before anything else: that they exist, and that it can be done."""

from __future__ import annotations

from db.models import ServiceType
from domain.booking.command import Cancel, Change, Schedule
from domain.booking.desk import Desk
from domain.booking.order import Order
from domain.booking.standing import Standing
from domain.booking.state import Session, Student
from domain.enrollment.taking import enrollment_required
from domain.errors import AlreadyBooked, NotFound, SessionCancelled, SessionStarted, TimeConflict, TooLate


def own_booking(command: Change | Cancel | Schedule, desk: Desk) -> Standing:
    """Return the booking that a command is about.

    Raises:
        NotFound: there is none, or it is another student's.

    """
    standing = desk.world.bookings.get(command.booking_id)
    if standing is None or standing.student_id != command.student_id:
        raise NotFound("There is no booking of this id: GET /api/students/me/bookings lists yours.")
    return standing


def session_of(session_id: int, desk: Desk) -> Session:
    """Return a session.

    Raises:
        NotFound: the student's organization has no such session.

    """
    session = desk.world.sessions.get(session_id)
    if session is None or session.organization_id != desk.student.organization_id:
        raise NotFound("There is no session of this id: GET /api/calendar lists them.")
    return session


def check_open(session: Session, command: Order, desk: Desk) -> None:
    """Refuse a session that does not take place, or has begun."""
    if not session.is_scheduled:
        raise SessionCancelled(f"{session.name} was called off: choose another session.")
    if session.start_at <= desk.at:
        if command.accepted_at < session.start_at:
            raise TooLate("The session began before the command did: choose a later session.")
        raise SessionStarted(f"{session.name} has begun: choose a later session.")


def check_for_all(session: Session) -> None:
    """Refuse a session that takes enrollments only."""
    if session.service is ServiceType.COURSE:
        raise enrollment_required(session)


def check_free(student: Student, session: Session) -> None:
    """Refuse a session in which the student is, or that takes place while they are in another."""
    for span in student.spans.values():
        if span.session_id == session.id:
            raise AlreadyBooked(f"Booking {span.booking_id} is for this session: change it instead.")
        if span.start_at < session.end_at and session.start_at < span.end_at:
            raise TimeConflict(f"Booking {span.booking_id} is at the same time: cancel or change it first.")
