"""What is said about a booking in mails, sentence by sentence, of a row as `domain.mail.booking_mail` reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from db.models import OPEN_STEPS, BookingStatus, PaymentType, StepStatus
from domain.mail.readable_time import brief, calendar_day, day, last_day, span, start

CONFIRMED = "booking.confirmed"
CHANGED = "booking.changed"
CANCELLED = "booking.cancelled"
FORFEITED = "booking.forfeited"
PROMOTED = "waitlist.promoted"
CALLED_OFF = "session.cancelled"
MOVED = "session.moved"
# Kinds of who has a place now.
COMING = frozenset({CONFIRMED, CHANGED, PROMOTED, MOVED})

HEADINGS = {
    CONFIRMED: "You are booked",
    CHANGED: "Your booking has changed",
    CANCELLED: "Your booking is cancelled",
    FORFEITED: "You gave up your place",
    PROMOTED: "A place came free, and you are booked",
    CALLED_OFF: "Your session does not take place",
    MOVED: "Your session has another time",
}
SUBJECTS = {
    CONFIRMED: "you are booked for {what}",
    CHANGED: "your booking is now {what}",
    CANCELLED: "cancelled, {what}",
    FORFEITED: "given up, {what}",
    PROMOTED: "a place came free, you are booked for {what}",
    CALLED_OFF: "called off, {what}",
    MOVED: "your session is now {what}",
}

Row = Mapping[str, Any]


def subject(row: Row) -> str:
    """Return what a mail is about, in one line."""
    if row["start_at"] is None:
        return f"{row['organization']}: your session is cancelled"
    what = f"{session(row)}, {brief(row['start_at'], row['timezone'])}"
    return f"{row['organization']}: {SUBJECTS[_kind(row)].format(what=what)}"


def session(row: Row) -> str | None:
    """Return what takes place: the class, and of a course which step of it."""
    return f"{row['step']}, {row['class']}" if row["step"] else row["class"]


def heading(row: Row) -> str:
    """Return what happened."""
    return HEADINGS[_kind(row)]


def whose_guest(row: Row) -> str:
    """Return who brings a guest along."""
    host = row["student"] or "A friend"
    if _kind(row) in {CANCELLED, CALLED_OFF}:
        return f"{host} had brought you along as a guest."
    return f"{host} brings you along as a guest."


def details(row: Row) -> tuple[str, ...]:
    """Return when the session is, with whom, and where one sits."""
    if row["start_at"] is None:
        return ()
    when = span(row["start_at"], row["end_at"], row["timezone"])
    teacher = f"with {row['teacher']}" if row["teacher"] else None
    seat = f"Seat {row['seat']}" if row["seat"] else None
    return tuple(said for said in (when, teacher, seat) if said)


def notes(row: Row) -> tuple[str, ...]:
    """Return what a student is told besides: what it was before, what paid, what comes back or stays spent."""
    return tuple(_notes(row))


def earlier(row: Row) -> tuple[str, ...]:
    """Return what a booking was before it was changed; of a guest's, what their host's was, which has another seat."""
    if row["kind"] != CHANGED or row["before_start_at"] is None:
        return ()
    seat = f"seat {row['before_seat']}" if row["before_seat"] and not row["guest_of"] else None
    session = None
    if row["before_session_id"] != row["session_id"]:
        session = f"{row['before_class']}, {start(row['before_start_at'], row['timezone'])}"
    before = ", ".join(said for said in (session, seat) if said)
    return (f"This is instead of {before}.",) if before else ()


def studio(row: Row) -> tuple[str, ...]:
    """Return what the studio did to the session, for whoever is in it."""
    if row["kind"] == CALLED_OFF and row["cancel_reason"]:
        return (f"The studio called it off: {row['cancel_reason']}",)
    if row["kind"] == MOVED and row["moved_from"] not in {None, row["start_at"]}:
        return (f"The studio moved it; it was to begin on {start(row['moved_from'], row['timezone'])}.",)
    return ()


def _kind(row: Row) -> str:
    """Return what happened; a guest only learns that they do not come along, not what that costs their host."""
    kind = str(row["kind"])
    return CANCELLED if row["guest_of"] and kind == FORFEITED else kind


def _notes(row: Row) -> Iterator[str]:
    yield from earlier(row)
    yield from studio(row)
    if row["kind"] in COMING:
        yield from _paid(row)
        yield from _before(row)
        yield from _undo(row)
    elif row["kind"] == FORFEITED:
        if row["payment_type"] != PaymentType.COURSE:
            yield "It was too late to give back what paid for it."
        yield from _stays_spent(row)
    elif row["status"] == BookingStatus.DRAFT:
        yield f"You can schedule it again: {row['package']} has {row['credits_left']} credit(s) left."
    else:
        yield from _came_back(row)
    yield from _longer(row)
    yield from _guest(row)


def _paid(row: Row) -> Iterator[str]:
    if row["payment_type"] == PaymentType.CREDIT:
        yield f"Paid with {_credits(row)} of {row['package']}, which has {row['credits_left']} left."
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        yield f"Paid with {row['package']}: this is your All-Access of {_day(row)}."
    elif row["payment_type"] == PaymentType.COURSE:
        yield f"It is step {row['step']}, {row['step_title']}, of your course {row['package']}."
    elif row["payment_type"] == PaymentType.FREE:
        yield "It is free of charge."


def _undo(row: Row) -> Iterator[str]:
    """Say until when a place that the waitlist gave, or that the studio moved, may be given back."""
    if row["kind"] == MOVED:
        yield "If you cannot come, cancel it before it begins: then it costs you nothing."
    if row["kind"] == PROMOTED and row["undo_until"]:
        until = start(row["undo_until"], row["timezone"])
        yield f"If you cannot come, give it back by {until}: then it costs you nothing."


def _longer(row: Row) -> Iterator[str]:
    """Say until when what paid lasts, where the studio made that longer."""
    if row["kind"] not in {CALLED_OFF, MOVED} or row["extended_until"] is None:
        return
    until = last_day(row["extended_until"], row["timezone"])
    if row["payment_type"] == PaymentType.ALL_ACCESS:
        yield f"It gains a day, and is valid through {until} now."
    else:
        yield f"{row['package']} is valid through {until} now."


def _before(row: Row) -> Iterator[str]:
    """Say what became of what had paid for a booking before it was changed."""
    if row["before_payment"] in {PaymentType.FREE, PaymentType.COURSE}:
        return
    if row["before_status"] == BookingStatus.FORFEITED:
        yield "It was too late to give back what had paid for the earlier one."
    elif row["before_status"] == BookingStatus.CANCELLED:
        yield "What had paid for the earlier one came back."


def _came_back(row: Row) -> Iterator[str]:
    if row["is_revoked"]:
        return
    if row["payment_type"] == PaymentType.CREDIT and row["credits_used"]:
        yield f"{_credits(row)} came back to {row['package']}, which has {row['credits_left']} left."
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        yield f"Your All-Access of {_day(row)} came back."
    elif row["payment_type"] == PaymentType.COURSE and row["step_status"] in OPEN_STEPS:
        yield f"Step {row['step']} of {row['package']} is open again: book it whenever you like."


def _stays_spent(row: Row) -> Iterator[str]:
    if row["payment_type"] == PaymentType.CREDIT:
        yield f"Spent: {_credits(row)} of {row['package']}, which has {row['credits_left']} left."
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        yield f"Spent: your All-Access of {_day(row)}."
    elif row["payment_type"] == PaymentType.COURSE and row["step_status"] == StepStatus.MISSED:
        yield f"Step {row['step']} of {row['package']} counts as missed: ask the studio if you want to catch up."


def _guest(row: Row) -> Iterator[str]:
    """Say what became of whom the student brings along."""
    status, is_coming = row["guest_status"], row["kind"] in COMING
    if is_coming and status == BookingStatus.CONFIRMED:
        seat = f" on seat {row['guest_seat']}" if row["guest_seat"] else ""
        yield f"{row['guest']} comes along{seat}, paid by your friend pass."
    elif not is_coming and status == BookingStatus.CANCELLED:
        yield f"{row['guest']} does not come along either; your friend pass came back."
    elif not is_coming and status == BookingStatus.FORFEITED:
        yield f"{row['guest']} does not come along either; your friend pass stays used."


def _credits(row: Row) -> str:
    number, kind = row["credits_used"], row["credit_service"].lower()
    return f"{number} {kind} credit{'' if number == 1 else 's'}"


def _day(row: Row) -> str:
    """Return the day of a pass that a booking uses: of a session that was moved it may be another than its own."""
    return calendar_day(row["used_day"]) if row["used_day"] else day(row["start_at"], row["timezone"])
