"""A booking given up: whether it still gives something back, and what (PRODUCT.md §4.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

from db.models import BookingStatus, BookingType, PaymentType
from domain.booking.command import Cancel, Change
from domain.booking.desk import Desk
from domain.booking.outgoing import Row
from domain.booking.standing import GIVEN_BACK, MADE_AT, MOVED_FROM, STAFF_REASON, UNDO_UNTIL, Standing
from domain.booking.state import Line, Session
from domain.enrollment.progress import follow
from domain.enrollment.step_command import CancelStep, ChangeStep
from domain.errors import BookingClosed, CancellationWindowClosed, SessionStarted, TooLate
from domain.family import Result

# A booking made inside the window can be undone free for this long.
UNDO_WITHIN = timedelta(minutes=15)

GivingUp = Cancel | Change | CancelStep | ChangeStep

# A draft has a credit to spend, and neither time nor place.
OPEN: Row = {
    "status": BookingStatus.DRAFT.value,
    "session_id": None,
    "session_capacity": None,
    "place": None,
    "seat_id": None,
    "start_at": None,
    "end_at": None,
    "credits_used": 0,
}


def outcome(desk: Desk, old: Standing, command: GivingUp) -> BookingStatus:
    """Return what a booking becomes when it is given up: CANCELLED gives back, FORFEITED does not.

    Raises:
        BookingClosed: it was given up before, or is over.
        SessionStarted: too late for anything but attendance.
        TooLate: the session began while the command waited.
        CancellationWindowClosed: it would be forfeited, and the student did not accept that.

    """
    if old.status is not BookingStatus.CONFIRMED or old.start_at is None:
        raise BookingClosed(
            f"The booking is {old.status.value}, and only a confirmed one can be changed or cancelled: book a session."
        )
    if old.start_at <= desk.at:
        if command.accepted_at < old.start_at:
            raise TooLate("The session began before the command did: ask the studio about its attendance.")
        raise SessionStarted("The session has begun: ask the studio about its attendance.")
    window, terms = desk.student.window, command.terms
    if terms.override or is_free(old, window, at=desk.at):
        return BookingStatus.CANCELLED
    if terms.accept_forfeit:
        return BookingStatus.FORFEITED
    raise CancellationWindowClosed(
        f"It is less than {window / timedelta(hours=1):g} hours to the session: send acceptForfeit true to free the"
        " place and lose what paid for it, or ask the studio."
    )


def is_free(old: Standing, window: timedelta, *, at: datetime) -> bool:
    """Say whether a cancellation gives back what paid: before the window by elapsed time, or to undo.

    One whose session the studio moved may be given back until it starts. A late booking may be undone for some
    minutes, one that the waitlist made for as long as it says.
    """
    assert old.start_at is not None  # noqa: S101 - a confirmed booking has one, by its constraint
    if old.start_at - at >= window or MOVED_FROM in old.metadata:
        return True
    if old.undo_until is not None:
        return at <= old.undo_until
    return old.start_at - old.made_at < window and at - old.made_at <= UNDO_WITHIN


def cancel(desk: Desk, old: Standing, command: Cancel | CancelStep) -> Result:
    """Give a booking up, and tell of it; return the answer to the command.

    Raises:
        Refusal: see `outcome`.

    """
    status = outcome(desk, old, command)
    what = "booking.cancelled" if status is BookingStatus.CANCELLED else "booking.forfeited"
    return desk.answer(what, release(desk, old, status, why(command, "cancelReason")))


def check_changeable(old: Standing, status: BookingStatus) -> None:
    """Refuse to change what takes a step of a course so late that the step would be missed.

    Raises:
        CancellationWindowClosed: only staff can.

    """
    if old.course_step_id is not None and status is not BookingStatus.CANCELLED:
        raise CancellationWindowClosed("A step that is given up now is missed, and cannot be changed: ask the studio.")


def why(command: GivingUp, name: str) -> Row:
    """Return the note of a reason: for an exception it is the staff's, and for them alone."""
    terms = command.terms
    is_exception = terms.override or (isinstance(command, Change) and command.wish.payment is PaymentType.FREE)
    return {STAFF_REASON if is_exception else name: terms.reason} if terms.reason else {}


def since(old: Standing, window: timedelta, *, at: datetime) -> Row:
    """Return the note on what replaces a booking inside its window: its undo runs on, and does not begin anew."""
    assert old.start_at is not None  # noqa: S101 - a confirmed booking has one, by its constraint
    return {MADE_AT: old.made_at.isoformat()} if old.start_at - at < window else {}


def promoted_until(old: Standing, session: Session) -> Row:
    """Return the note on another seat in a session that the waitlist gave: its undo runs on."""
    noted = old.metadata.get(UNDO_UNTIL)
    return {UNDO_UNTIL: noted} if noted and old.session_id == session.id else {}


def moved_from(old: Standing, session: Session) -> Row:
    """Return the note on another seat in a session that the studio moved: it may be given back as the old one."""
    stays = old.session_id == session.id and MOVED_FROM in old.metadata
    return {MOVED_FROM: old.metadata[MOVED_FROM]} if stays else {}


def release(desk: Desk, old: Standing, status: BookingStatus, note: Row, *, stays: bool = False) -> list[Row]:
    """Free the place of a booking and of its guest; return the rows that they become, the host's first.

    Who `stays` in the session, on another seat, gives no promotion back.
    """
    if not stays:
        _undo(desk, old)
    rows = [_release(desk, old, status, note)]
    if guest := desk.world.guests.pop(old.id, None):
        rows.append(_release(desk, guest, status, note))
    return rows


def _release(desk: Desk, old: Standing, status: BookingStatus, note: Row) -> Row:
    row = asdict(old) | {"organization_id": desk.student.organization_id, "session_capacity": None, "place": None}
    row |= {"status": status.value, "metadata": old.metadata | note}
    if status is BookingStatus.CANCELLED:
        row |= _give_back(desk, old)
    _leave(desk, old)
    follow(desk.outgoing, desk.student, row, status, at=desk.at)
    desk.world.guests.pop(old.guest_of or 0, None)
    desk.world.bookings[old.id] = Standing.of(row)
    desk.outgoing.release(row)
    return row


def _leave(desk: Desk, old: Standing) -> None:
    """Take a booking out of its session, its student's time and its package's days."""
    desk.student.spans.pop(old.id, None)
    if session := desk.world.sessions.get(old.session_id or 0):
        session.places.discard(old.place or 0)
        session.sat.discard(old.seat_id or 0)
        _offer(desk, session)
    package = desk.package_of(old)
    if old.guest_of is None and package and package.begins_with_use and old.start_at in package.starts:
        package.starts.remove(old.start_at)
        desk.outgoing.date(desk.student, package)


def _offer(desk: Desk, session: Session) -> None:
    """Offer a place that came free to those who wait; a session made for one student ends with their booking."""
    if session.line:
        desk.outgoing.freed.add(session.id)
    if session.is_arranged and not session.places:
        session.is_scheduled = False
        desk.outgoing.ended.add(session.id)
        for teacher in desk.world.teachers.get(session.organization_id, ()):
            teacher.leave(session)


def _undo(desk: Desk, old: Standing) -> None:
    """Note that a promotion was given back in its time: its student is not promoted there again."""
    if old.undo_until and desk.at <= old.undo_until and old.session_id:
        desk.outgoing.undone.append((old.id, old.session_id))
        desk.world.undone.add((old.student_id, old.session_id))


def _give_back(desk: Desk, old: Standing) -> Row:
    """Give back what paid; return what changes about the booking by that."""
    package = desk.package_of(old)
    if old.payment_type is PaymentType.ALL_ACCESS:
        desk.outgoing.freed_days.append(old.id)
        for slots in desk.student.days.values():
            slots.pop(old.id, None)
    if old.payment_type is PaymentType.FRIEND_PASS and package:
        package.friend_came = False
    if old.payment_type not in {PaymentType.CREDIT, PaymentType.COURSE} or old.allowance_id is None:
        return {}
    if GIVEN_BACK in old.metadata:
        return {}
    desk.use(old.allowance_id, -old.credits_used, old.id)
    line = package.line(old.allowance_id) if package else None
    if line:
        line.remaining += old.credits_used
    return _draft_again(desk, old, line) if old.booking_type is BookingType.PACKAGE_SESSION else {}


def most_new(bookings: Iterable[Standing]) -> int:
    """Return how many drafts come back at most beside those that bookings become themselves."""
    return sum(max(each.credits_used - 1, 0) for each in bookings if each.booking_type is BookingType.PACKAGE_SESSION)


def _draft_again(desk: Desk, old: Standing, line: Line | None) -> Row:
    """Return a booking that was a draft to its draft, and make a draft of each other credit that came back with it."""
    row = asdict(old) | {"organization_id": desk.student.organization_id, "created_at": desk.at, "metadata": {}}
    more = [row | OPEN | {"id": desk.new_id()} for _ in range(old.credits_used - 1)]
    desk.outgoing.drafts += more
    desk.world.bookings |= {each["id"]: Standing.of(each) for each in more}
    if line:
        line.drafts = sorted([*line.drafts, old.id, *(draft["id"] for draft in more)])
    return OPEN
