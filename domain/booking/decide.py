"""The rules of booking, in plain Python: no database, no clock. Each command whole, or refused and nothing of it.

Commands are decided in the order in which they were accepted; each meets what those before it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from db.models import BookingStatus, PaymentType, ServiceType
from domain.booking.adjust import adjust
from domain.booking.checks import check_for_all, check_free, check_open, own_booking, session_of
from domain.booking.command import Adjust, Book, Cancel, Change, Command, Friend, Join, Leave, Schedule, Wish
from domain.booking.desk import Desk
from domain.booking.outgoing import Outgoing, Row
from domain.booking.place import Party, take_places
from domain.booking.release import cancel, check_changeable, moved_from, outcome, promoted_until, release, since, why
from domain.booking.schedule import schedule
from domain.booking.standing import STAFF_REASON, UNDO_UNTIL, Standing
from domain.booking.state import Session, World
from domain.enrollment.assign import assign_cohort
from domain.enrollment.book_step import book_step, book_steps, cancel_step, change_step, flag_skipped
from domain.enrollment.reopen import reopen_step
from domain.enrollment.step_command import AssignCohort, BookStep, BookSteps, CancelStep, ChangeStep, ReopenStep
from domain.enrollment.taking import Taking, required_taking, takings
from domain.errors import InvalidCommand, InvalidOption, Refusal
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
    taking = _enrolled(command.wish, desk, session)
    _check_friend(command.friend, session)
    check_free(desk.student, session)
    note = {STAFF_REASON: command.wish.reason} if command.wish.reason else {}
    rows = take_places(desk, session, Party(command.seat_id, command.wish, command.friend, note, taking=taking))
    leave_for(desk, session)
    if taking:
        flag_skipped(desk, taking.enrollment, [taking.step])
    return desk.answer("booking.confirmed", rows)


def _cancel(command: Cancel, desk: Desk) -> Result:
    return cancel(desk, own_booking(command, desk), command)


def _change(command: Change, desk: Desk) -> Result:
    """Cancel and book in one: if the new one is impossible, the old one stands."""
    old = own_booking(command, desk)
    status = outcome(desk, old, command)
    if old.guest_of is not None:
        raise InvalidCommand("A guest goes where their host goes: change the host's booking, or cancel the guest's.")
    session = session_of(command.session_id or old.session_id or 0, desk)
    check_changeable(old, status)
    note: Row = {"changedFrom": old.id} | since(old, desk.student.window, at=desk.at)
    note |= why(command, "reason")
    note |= moved_from(old, session) | promoted_until(old, session)
    # What was forfeited stays spent, a gift too: the new one is paid for.
    kept = old if status is BookingStatus.CANCELLED else None
    friend, stays = _along(desk.world.guests.get(old.id), session), old.session_id == session.id
    party = Party(command.seat_id, command.wish, friend, note, kept, stays=stays)
    with desk.all_or_nothing(old):
        release(desk, old, status, {}, stays=stays)
        check_open(session, command, desk)
        taking = _instead(command.wish, desk, old, session)
        _check_friend(friend, session)
        check_free(desk.student, session)
        rows = take_places(desk, session, replace(party, taking=taking))
    if UNDO_UNTIL in note:
        desk.outgoing.reseated[old.id] = rows[0]["id"]
    if taking and old.course_step_id is None:
        flag_skipped(desk, taking.enrollment, [taking.step])
    leave_for(desk, session)
    return desk.answer("booking.changed", rows)


def _enrolled(wish: Wish, desk: Desk, session: Session) -> Taking | None:
    """Return the step that is taken, in a session that takes enrollments only or by who asks for that."""
    if wish.payment is PaymentType.COURSE or (session.service is ServiceType.COURSE and wish.payment is None):
        return required_taking(desk.student, session, package_id=wish.package_id)
    check_for_all(session)
    return None


def _check_friend(friend: Friend | None, session: Session) -> None:
    if friend and session.service is ServiceType.COURSE:
        raise InvalidCommand(f"{session.name} belongs to a course, and takes its students only: leave the friend out.")


def _instead(wish: Wish, desk: Desk, old: Standing, session: Session) -> Taking | None:
    """Return the step that is taken in the session that replaces a booking: the one that it was, if it was one."""
    if old.course_step_id is None:
        return _enrolled(wish, desk, session)
    for taking in takings(desk.student, session, package_id=old.student_package_id):
        if taking.step.step_id == old.course_step_id and taking.step.is_open:
            return taking
    raise InvalidOption(f"Booking {old.id} takes a step of a course: choose a session that serves it.")


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
    BookStep: book_step,
    ChangeStep: change_step,
    CancelStep: cancel_step,
    BookSteps: book_steps,
    AssignCohort: assign_cohort,
    ReopenStep: reopen_step,
}
