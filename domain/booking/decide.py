"""The rules of booking, in plain Python: no database, no clock. Each command whole, or refused and nothing of it.

Commands are decided in the order in which they were accepted; each meets what those before it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from db.models import BookingStatus, PaymentType
from domain.booking.adjust import adjust
from domain.booking.checks import check_free, check_open, own_booking, session_of
from domain.booking.command import Adjust, Book, Cancel, Change, Command, Friend, Join, Leave, Schedule
from domain.booking.desk import Desk
from domain.booking.outgoing import Outgoing, Row
from domain.booking.place import Party, take_places
from domain.booking.release import moved_from, outcome, promoted_until, release, since
from domain.booking.schedule import schedule
from domain.booking.state import STAFF_REASON, UNDO_UNTIL, Session, Standing, World
from domain.errors import InvalidCommand, Refusal
from domain.family import Answer, Result, check_begun
from domain.waitlist.line import join, leave, leave_for


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
    check_begun(command.due_at, at=desk.at)
    return DECISIONS[type(command)](command, desk)


def _book(command: Book, desk: Desk) -> Result:
    session = session_of(command.session_id, desk)
    check_open(session, command, desk)
    check_free(desk.student, session)
    note = {STAFF_REASON: command.wish.reason} if command.wish.reason else {}
    rows = take_places(desk, session, Party(command.seat_id, command.wish, command.friend, note))
    leave_for(desk, session)
    return desk.answer("booking.confirmed", rows)


def _cancel(command: Cancel, desk: Desk) -> Result:
    old = own_booking(command, desk)
    status = outcome(desk, old, command)
    note = _why(command, "cancelReason")
    what = "booking.cancelled" if status is BookingStatus.CANCELLED else "booking.forfeited"
    return desk.answer(what, release(desk, old, status, note))


def _change(command: Change, desk: Desk) -> Result:
    """Cancel and book in one: if the new one is impossible, the old one stands."""
    old = own_booking(command, desk)
    status = outcome(desk, old, command)
    if old.guest_of is not None:
        raise InvalidCommand("A guest goes where their host goes: change the host's booking, or cancel the guest's.")
    session = session_of(command.session_id or old.session_id or 0, desk)
    note: Row = {"changedFrom": old.id} | since(old, desk.student.window, at=desk.at)
    note |= _why(command, "reason")
    note |= moved_from(old, session) | promoted_until(old, session)
    # What was forfeited stays spent, a gift too: the new one is paid for.
    kept = old if status is BookingStatus.CANCELLED else None
    friend, stays = _along(desk.world.guests.get(old.id), session), old.session_id == session.id
    party = Party(command.seat_id, command.wish, friend, note, kept, stays=stays)
    with desk.all_or_nothing(old):
        release(desk, old, status, {}, stays=old.session_id == session.id)
        check_open(session, command, desk)
        check_free(desk.student, session)
        rows = take_places(desk, session, party)
    if UNDO_UNTIL in note:
        desk.outgoing.reseated[old.id] = rows[0]["id"]
    leave_for(desk, session)
    return desk.answer("booking.changed", rows)


def _why(command: Cancel | Change, name: str) -> Row:
    """Return the note of a reason: for an exception it is the staff's, and for them alone."""
    terms = command.terms
    is_exception = terms.override or (isinstance(command, Change) and command.wish.payment is PaymentType.FREE)
    return {STAFF_REASON if is_exception else name: terms.reason} if terms.reason else {}


def _along(guest: Standing | None, session: Session) -> Friend | None:
    """Return the guest of a booking as the friend who comes along; in the same session they keep their seat."""
    if guest is None:
        return None
    seat_id = guest.seat_id if guest.session_id == session.id else None
    return Friend(guest.guest_name or "", guest.guest_email or "", seat_id)


DECISIONS: Mapping[type[Command], Callable[[Any, Desk], Result]] = {
    Book: _book,
    Cancel: _cancel,
    Change: _change,
    Schedule: schedule,
    Join: join,
    Leave: leave,
    Adjust: adjust,
}
