"""What is said about a booking in mails, sentence by sentence, of a row as `domain.mail.booking_mail` reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from db.models import BookingStatus, PaymentType
from domain.mail import payment_words as payment
from domain.mail.booking_kinds import (
    CALLED_OFF,
    CANCELLED,
    CHANGED,
    COMING,
    CONFIRMED,
    FORFEITED,
    MOVED,
    PROMOTED,
    REMINDER,
)
from domain.mail.voice import Voice, msgid

HEADINGS = {
    CONFIRMED: msgid("You are booked"),
    CHANGED: msgid("Your booking has changed"),
    CANCELLED: msgid("Your booking is cancelled"),
    FORFEITED: msgid("You gave up your place"),
    PROMOTED: msgid("A place came free, and you are booked"),
    CALLED_OFF: msgid("Your session does not take place"),
    MOVED: msgid("Your session has another time"),
    REMINDER: msgid("Your session is coming up"),
}
SUBJECTS = {
    CONFIRMED: msgid("you are booked for {what}"),
    CHANGED: msgid("your booking is now {what}"),
    CANCELLED: msgid("cancelled, {what}"),
    FORFEITED: msgid("given up, {what}"),
    PROMOTED: msgid("a place came free, you are booked for {what}"),
    CALLED_OFF: msgid("called off, {what}"),
    MOVED: msgid("your session is now {what}"),
    REMINDER: msgid("coming up, {what}"),
}

Row = Mapping[str, Any]


def about(row: Row, voice: Voice) -> str:
    """Return what a mail is about, in one line."""
    if row["start_at"] is None:
        return voice.say("your session is cancelled")
    what = voice.say("{session}, {time}", session=session(row), time=voice.brief(row["start_at"]))
    return voice.say(SUBJECTS[_kind(row)], what=what)


def session(row: Row) -> str | None:
    """Return what takes place: the class, and of a course which step of it."""
    return f"{row['step']}, {row['class']}" if row["step"] else row["class"]


def heading(row: Row, voice: Voice) -> str:
    """Return what happened."""
    return voice.say(HEADINGS[_kind(row)])


def whose_guest(row: Row, voice: Voice) -> str:
    """Return who brings a guest along."""
    host = row["student"]
    if _kind(row) in {CANCELLED, CALLED_OFF}:
        if host:
            return voice.say("{host} had brought you along as a guest.", host=host)
        return voice.say("A friend had brought you along as a guest.")
    if host:
        return voice.say("{host} brings you along as a guest.", host=host)
    return voice.say("A friend brings you along as a guest.")


def when(row: Row, voice: Voice) -> str | None:
    """Return from when to when the session is; None of a draft, which has no time."""
    return voice.span(row["start_at"], row["end_at"]) if row["start_at"] else None


def place(row: Row, voice: Voice) -> tuple[str, ...]:
    """Return with whom the session is, and where one sits."""
    teacher = voice.say("with {teacher}", teacher=row["teacher"]) if row["teacher"] else None
    seat = voice.say("Seat {seat}", seat=row["seat"]) if row["seat"] else None
    return tuple(said for said in (teacher, seat) if said)


def notes(row: Row, voice: Voice) -> tuple[str, ...]:
    """Return what a student is told besides: what it was before, what paid, what comes back or stays spent."""
    return tuple(_notes(row, voice))


def earlier(row: Row, voice: Voice) -> Iterator[str]:
    """Say what a booking was before it was changed; of a guest's, what their host's was, which has another seat."""
    if row["kind"] != CHANGED or row["before_start_at"] is None:
        return
    before = []
    if row["before_session_id"] != row["session_id"]:
        time = voice.start(row["before_start_at"])
        before.append(voice.say("{session}, {time}", session=row["before_class"], time=time))
    if row["before_seat"] and not row["guest_of"]:
        before.append(voice.say("seat {seat}", seat=row["before_seat"]))
    if before:
        yield voice.say("This is instead of {before}.", before=", ".join(before))


def studio(row: Row, voice: Voice) -> Iterator[str]:
    """Say what the studio did to the session, to whoever is in it."""
    if row["kind"] == CALLED_OFF and row["cancel_reason"]:
        yield voice.say("The studio called it off: {reason}", reason=row["cancel_reason"])
    if row["kind"] == MOVED and row["moved_from"] not in {None, row["start_at"]}:
        time = voice.start(row["moved_from"])
        yield voice.say("The studio moved it; it was to begin on {time}.", time=time)


def _kind(row: Row) -> str:
    """Return what happened; a guest only learns that they do not come along, not what that costs their host."""
    kind = str(row["kind"])
    return CANCELLED if row["guest_of"] and kind == FORFEITED else kind


def _notes(row: Row, voice: Voice) -> Iterator[str]:
    yield from earlier(row, voice)
    yield from studio(row, voice)
    if row["kind"] in COMING:
        yield from payment.paid(row, voice)
        yield from payment.before(row, voice)
        yield from _undo(row, voice)
    elif row["kind"] == FORFEITED:
        if row["payment_type"] != PaymentType.COURSE:
            yield voice.say("It was too late to give back what paid for it.")
        yield from payment.stays_spent(row, voice)
    elif row["status"] == BookingStatus.DRAFT:
        said = {"package": row["package"], "left": row["credits_left"]}
        yield voice.say("You can schedule it again: {package} has {left} credit(s) left.", **said)
    else:
        yield from payment.came_back(row, voice)
    yield from payment.longer(row, voice)
    yield from _guest(row, voice)


def _undo(row: Row, voice: Voice) -> Iterator[str]:
    """Say until when a place that the waitlist gave, or that the studio moved, may be given back."""
    if row["kind"] == MOVED:
        yield voice.say("If you cannot come, cancel it before it begins: then it costs you nothing.")
    if row["kind"] == PROMOTED and row["undo_until"]:
        until = voice.start(row["undo_until"])
        yield voice.say("If you cannot come, give it back by {until}: then it costs you nothing.", until=until)


def _guest(row: Row, voice: Voice) -> Iterator[str]:
    """Say what became of whom the student brings along."""
    status, guest, seat = row["guest_status"], row["guest"], row["guest_seat"]
    if row["kind"] in COMING:
        if status == BookingStatus.CONFIRMED and seat:
            yield voice.say("{guest} comes along on seat {seat}, paid by your friend pass.", guest=guest, seat=seat)
        elif status == BookingStatus.CONFIRMED:
            yield voice.say("{guest} comes along, paid by your friend pass.", guest=guest)
    elif status == BookingStatus.CANCELLED:
        yield voice.say("{guest} does not come along either; your friend pass came back.", guest=guest)
    elif status == BookingStatus.FORFEITED:
        yield voice.say("{guest} does not come along either; your friend pass stays used.", guest=guest)
