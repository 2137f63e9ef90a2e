"""The rules of booking, in plain Python: no database, no clock. Each command whole, or refused and nothing of it.

Commands are decided in the order in which they were accepted; each meets what those before it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from db.models import BookingStatus
from domain.booking.adjust import adjust
from domain.booking.checks import check_free, check_open, own_booking, session_of
from domain.booking.command import Adjust, Book, Cancel, Change, Command, Friend, Join, Leave, Schedule
from domain.booking.desk import Desk
from domain.booking.outgoing import Outgoing, Row
from domain.booking.place import Party, take_places
from domain.booking.release import moved_from, outcome, release, since
from domain.booking.schedule import schedule
from domain.booking.state import Session, Standing, World
from domain.errors import InvalidCommand, Refusal, TooLate
from domain.family import Answer, Result
from domain.waitlist.line import join, leave, leave_for

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
    return DECISIONS[type(command)](command, desk)


def _book(command: Book, desk: Desk) -> Result:
    session = session_of(command.session_id, desk)
    check_open(session, command, desk)
    check_free(desk.student, session)
    note = {"reason": command.wish.reason} if command.wish.reason else {}
    rows = take_places(desk, session, Party(command.seat_id, command.wish, command.friend, note))
    leave_for(desk, session)
    return desk.answer("booking.confirmed", rows)


def _cancel(command: Cancel, desk: Desk) -> Result:
    old = own_booking(command, desk)
    status = outcome(desk, old, command)
    note = {"cancelReason": command.terms.reason} if command.terms.reason else {}
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
    note |= {"reason": command.terms.reason} if command.terms.reason else {}
    note |= moved_from(old, session)
    # What was forfeited stays spent, a gift too: the new one is paid for.
    kept = old if status is BookingStatus.CANCELLED else None
    party = Party(command.seat_id, command.wish, _along(desk.world.guests.get(old.id), session), note, kept)
    with desk.all_or_nothing(old):
        release(desk, old, status, {})
        check_open(session, command, desk)
        check_free(desk.student, session)
        rows = take_places(desk, session, party)
    leave_for(desk, session)
    return desk.answer("booking.changed", rows)


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
