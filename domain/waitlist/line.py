"""A place in line for a full session: joined and left (PRODUCT.md §4.7); `promotion` books from it."""

from __future__ import annotations

from db.models import ServiceType, WaitlistStatus
from domain.booking.checks import check_open, session_of
from domain.booking.command import Join, Leave
from domain.booking.desk import Desk
from domain.booking.outgoing import Row
from domain.booking.shape import written
from domain.booking.state import Session, Waiting
from domain.enrollment.taking import required_taking
from domain.errors import (
    AlreadyBooked,
    AlreadyWaiting,
    InvalidCommand,
    InvalidField,
    NotFound,
    SessionNotFull,
    WaitlistClosed,
)
from domain.family import Result

# Why a place in line ended, beside the codes of what stood in the way of a promotion.
BOOKED, OVERLAP, CUT_OFF, UNTIL = "booked", "overlap", "cut_off", "auto_book_until"


def join(command: Join, desk: Desk) -> Result:
    """Put a student at the end of the line.

    Raises:
        Refusal: the session has no line, is not full, or the student has no business in it.

    """
    session = session_of(command.session_id, desk)
    _check_line(session, command, desk)
    _check_waiter(session, command, desk)
    entry = Waiting(
        desk.world.entry_ids.pop(0), desk.student_id, WaitlistStatus.WAITING, desk.at, command.auto_book_until
    )
    session.line.append(entry)
    desk.outgoing.joined[entry.id] = _row(entry, session)
    _publish(desk, "waitlist.joined", entry, session)
    return {"waitlistEntry": shown_entry(entry, session)}


def leave(command: Leave, desk: Desk) -> Result:
    """Take a student out of the line.

    Raises:
        NotFound: they do not wait for this session.

    """
    session = session_of(command.session_id, desk)
    entry = session.entry(desk.student_id)
    if entry is None:
        raise NotFound("You do not wait for this session: GET /api/students/me/waitlists lists where you do.")
    end(desk, session, entry, WaitlistStatus.LEFT)
    _publish(desk, "waitlist.left", entry, session)
    return {"waitlistEntry": shown_entry(entry, session)}


def leave_for(desk: Desk, session: Session) -> None:
    """Take a student out of the line of a session in which they have got a place by themselves."""
    if entry := session.entry(desk.student_id):
        end(desk, session, entry, WaitlistStatus.CLOSED, reason=BOOKED)


def end(desk: Desk, session: Session, entry: Waiting, status: WaitlistStatus, **why: object) -> None:
    """Take an entry out of the line of a session; `why` is its reason, or the booking that it became."""
    session.line.remove(entry)
    entry.status = status
    said: Row = {"status": status.value, "booking_id": None, "reason": None, "ended_at": desk.at} | why
    if new := desk.outgoing.joined.get(entry.id):
        desk.outgoing.joined[entry.id] = new | said
    else:
        desk.outgoing.entries[entry.id] = {"id": entry.id} | said


def _check_line(session: Session, command: Join, desk: Desk) -> None:
    """Refuse a session for which nobody can wait, or nobody any more."""
    check_open(session, command, desk)
    if not session.has_waitlist:
        raise InvalidCommand(f"{session.name} has no waitlist: only group sessions have one.")
    if session.start_at - desk.student.cutoff <= desk.at:
        raise WaitlistClosed(f"{session.name} begins soon, and its waitlist is closed: look for a free place yourself.")


def _check_waiter(session: Session, command: Join, desk: Desk) -> None:
    """Refuse whoever is in the session or its line, gave a promotion back, or finds a free place."""
    if booked := next((s for s in desk.student.spans.values() if s.session_id == session.id), None):
        raise AlreadyBooked(f"Booking {booked.booking_id} is for this session: there is nothing to wait for.")
    if session.service is ServiceType.COURSE:
        required_taking(desk.student, session)
    if session.entry(desk.student_id):
        raise AlreadyWaiting(f"You wait for {session.name} already: leave its waitlist first to join it anew.")
    if (desk.student_id, session.id) in desk.world.undone:
        raise WaitlistClosed("The waitlist gave you a place here, and you gave it back: book a free one yourself.")
    if command.auto_book_until and command.auto_book_until <= desk.at:
        raise InvalidField("autoBookUntil", "Name a time that is still ahead.")
    if session.room > session.promised(desk.student, at=desk.at):
        raise SessionNotFull(f"{session.name} has a free place: book it.")


def _row(entry: Waiting, session: Session) -> Row:
    return {
        "id": entry.id,
        "organization_id": session.organization_id,
        "session_id": session.id,
        "student_id": entry.student_id,
        "status": entry.status.value,
        "joined_at": entry.joined_at,
        "auto_book_until": entry.auto_book_until,
        "booking_id": None,
        "reason": None,
        "ended_at": None,
    }


def _publish(desk: Desk, what: str, entry: Waiting, session: Session) -> None:
    desk.outgoing.publish(
        desk.student, what, f"waitlist/{entry.id}", told_entry(entry, session, desk.student.external_id), at=desk.at
    )


def shown_entry(entry: Waiting, session: Session, *, booking_id: int | None = None) -> Row:
    """Return a place in line as its student sees it; `position` counts from 1, and only in line."""
    place = session.line.index(entry) + 1 if entry in session.line else None
    return {
        "id": entry.id,
        "sessionId": session.id,
        "status": entry.status.value,
        **({"position": place} if place else {}),
        "joinedAt": written(entry.joined_at),
        **({"autoBookUntil": written(entry.auto_book_until)} if entry.auto_book_until else {}),
        **({"bookingId": booking_id} if booking_id else {}),
    }


def told_entry(entry: Waiting, session: Session, student: str | None) -> Row:
    """Return what other systems are told of a place in line."""
    return {
        "waitlistEntryId": entry.id,
        "sessionId": session.id,
        "studentId": student,
        "status": entry.status.value,
        "startAt": written(session.start_at),
    }
