"""The rules of booking, in plain Python: no database, no clock. Each command whole, or refused and nothing of it.

Commands are decided in the order in which they were accepted; each meets what those before it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from db.models import BookingStatus, ServiceType
from domain.booking.command import Book, Cancel, Change, Command, Friend
from domain.booking.desk import Desk
from domain.booking.outgoing import Outgoing, Row
from domain.booking.paying import enrollment_required
from domain.booking.place import Party, take_places
from domain.booking.release import outcome, release, since
from domain.booking.shape import shown
from domain.booking.state import Session, Standing, Student, World
from domain.errors import (
    AlreadyBooked,
    InvalidCommand,
    NotFound,
    Refusal,
    SessionCancelled,
    SessionStarted,
    TimeConflict,
    TooLate,
)
from domain.family import Answer, Result

# PRODUCT.md §4.2: whoever asked has given up by then.
BEGUN_WITHIN = timedelta(minutes=15)


def decide(commands: Sequence[Command], world: World, *, at: datetime) -> tuple[dict[int, Answer], Outgoing]:
    """Return the answer to each command, by its job, and all that must be written."""
    outgoing = Outgoing()
    answers: dict[int, Answer] = {}
    for command in sorted(commands, key=lambda each: each.job_id):
        try:
            answers[command.job_id] = _answer(command, Desk(world, outgoing, command.student_id, at))
        except Refusal as refusal:
            answers[command.job_id] = refusal
    return answers, outgoing


def _answer(command: Command, desk: Desk) -> Result:
    if desk.at - command.due_at > BEGUN_WITHIN:
        raise TooLate(f"It was not begun within {BEGUN_WITHIN // timedelta(minutes=1)} minutes: send it again.")
    if isinstance(command, Book):
        return _book(command, desk)
    return _cancel(command, desk) if isinstance(command, Cancel) else _change(command, desk)


def _book(command: Book, desk: Desk) -> Result:
    session = _session(command.session_id, desk)
    _check_open(session, command, desk.at)
    _check_free(desk.student, session)
    note = {"reason": command.wish.reason} if command.wish.reason else {}
    party = Party(command.seat_id, command.wish, command.friend, note)
    return _told("booking.confirmed", take_places(desk, session, party), desk)


def _cancel(command: Cancel, desk: Desk) -> Result:
    old = _standing(command, desk)
    status = outcome(desk, old, command)
    note = {"cancelReason": command.terms.reason} if command.terms.reason else {}
    what = "booking.cancelled" if status is BookingStatus.CANCELLED else "booking.forfeited"
    return _told(what, release(desk, old, status, note), desk)


def _change(command: Change, desk: Desk) -> Result:
    """Cancel and book in one: if the new one is impossible, the old one stands."""
    old = _standing(command, desk)
    status = outcome(desk, old, command)
    if old.guest_of is not None:
        raise InvalidCommand("A guest goes where their host goes: change the host's booking, or cancel the guest's.")
    session = _session(command.session_id or old.session_id or 0, desk)
    note: Row = {"changedFrom": old.id} | since(old, desk.student.window, at=desk.at)
    note |= {"reason": command.terms.reason} if command.terms.reason else {}
    # What was forfeited stays spent, a gift too: the new one is paid for.
    kept = old if status is BookingStatus.CANCELLED else None
    party = Party(command.seat_id, command.wish, _along(desk.world.guests.get(old.id), session), note, kept)
    with desk.all_or_nothing(old):
        release(desk, old, status, {})
        _check_open(session, command, desk.at)
        _check_free(desk.student, session)
        rows = take_places(desk, session, party)
    return _told("booking.changed", rows, desk)


def _told(what: str, rows: Sequence[Row], desk: Desk) -> Result:
    """Tell of each row; return the answer: the host's booking, and the guest's."""
    for row in rows:
        desk.tell(what, row)
    return {name: shown(row) for name, row in zip(("booking", "guestBooking"), rows, strict=False)}


def _standing(command: Change | Cancel, desk: Desk) -> Standing:
    standing = desk.world.bookings.get(command.booking_id)
    if standing is None or standing.student_id != command.student_id:
        raise NotFound("There is no booking of this id: GET /api/students/me/bookings lists yours.")
    return standing


def _session(session_id: int, desk: Desk) -> Session:
    session = desk.world.sessions.get(session_id)
    if session is None or session.organization_id != desk.student.organization_id:
        raise NotFound("There is no session of this id: GET /api/calendar lists them.")
    return session


def _check_open(session: Session, command: Command, at: datetime) -> None:
    """Refuse a session that does not take place, has begun, or is for those who are enrolled."""
    if not session.is_scheduled:
        raise SessionCancelled(f"{session.name} was called off: choose another session.")
    if session.start_at <= at:
        if command.accepted_at < session.start_at:
            raise TooLate("The session began before the command did: choose a later session.")
        raise SessionStarted(f"{session.name} has begun: choose a later session.")
    if session.service is ServiceType.COURSE:
        raise enrollment_required(session)


def _check_free(student: Student, session: Session) -> None:
    """Refuse a session in which the student is, or that takes place while they are in another."""
    for span in student.spans.values():
        if span.session_id == session.id:
            raise AlreadyBooked(f"Booking {span.booking_id} is for this session: change it instead.")
        if span.start_at < session.end_at and session.start_at < span.end_at:
            raise TimeConflict(f"Booking {span.booking_id} is at the same time: cancel or change it first.")


def _along(guest: Standing | None, session: Session) -> Friend | None:
    """Return the guest of a booking as the friend who comes along; in the same session they keep their seat."""
    if guest is None:
        return None
    seat_id = guest.seat_id if guest.session_id == session.id else None
    return Friend(guest.guest_name or "", guest.guest_email or "", seat_id)
