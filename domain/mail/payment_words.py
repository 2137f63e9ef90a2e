"""What paid for a booking, and what of it comes back or stays spent, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from db.models import OPEN_STEPS, BookingStatus, PaymentType, StepStatus
from domain.mail.booking_kinds import CALLED_OFF, MOVED, REMINDER
from domain.mail.credit_words import number_of_credits
from domain.mail.voice import Voice, msgid

Row = Mapping[str, Any]


def paid(row: Row, voice: Voice) -> Iterator[str]:
    """Say what pays for a booking."""
    package = row["package"]
    if row["payment_type"] == PaymentType.CREDIT:
        yield voice.say("Paid with {credits} of {package}, which has {left} left.", **_credits(row, voice))
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        day = _day(row, voice)
        yield voice.say("Paid with {package}: this is your All-Access of {day}.", package=package, day=day)
    elif row["payment_type"] == PaymentType.COURSE:
        step = {"step": row["step"], "title": row["step_title"], "course": package}
        yield voice.say("It is step {step}, {title}, of your course {course}.", **step)
    elif row["payment_type"] == PaymentType.FREE:
        yield voice.say("It is free of charge.")


def before(row: Row, voice: Voice) -> Iterator[str]:
    """Say what became of what had paid for a booking before it was changed."""
    if row["kind"] == REMINDER or row["before_payment"] in {PaymentType.FREE, PaymentType.COURSE}:
        return
    if row["before_status"] == BookingStatus.FORFEITED:
        yield voice.say("It was too late to give back what had paid for the earlier one.")
    elif row["before_status"] == BookingStatus.CANCELLED:
        yield voice.say("What had paid for the earlier one came back.")


def longer(row: Row, voice: Voice) -> Iterator[str]:
    """Say until when what paid lasts, where the studio made that longer."""
    if row["kind"] not in {CALLED_OFF, MOVED} or row["extended_until"] is None:
        return
    day = voice.last_day(row["extended_until"])
    if row["payment_type"] == PaymentType.ALL_ACCESS:
        yield voice.say("It gains a day, and is valid through {day} now.", day=day)
    else:
        yield voice.say("{package} is valid through {day} now.", package=row["package"], day=day)


def came_back(row: Row, voice: Voice) -> Iterator[str]:
    """Say what a cancellation gave back."""
    if row["is_revoked"]:
        return
    if row["payment_type"] == PaymentType.CREDIT and row["credits_used"]:
        said = _credits(row, voice)
        yield voice.say("{credits} came back to {package}, which has {left} left.", **said)
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        yield voice.say("Your All-Access of {day} came back.", day=_day(row, voice))
    elif row["payment_type"] == PaymentType.COURSE and row["step_status"] in OPEN_STEPS:
        said = {"step": row["step"], "course": row["package"]}
        yield voice.say("Step {step} of {course} is open again: book it whenever you like.", **said)


def stays_spent(row: Row, voice: Voice) -> Iterator[str]:
    """Say what stays spent for a place that was given up too late."""
    if row["payment_type"] == PaymentType.CREDIT:
        yield voice.say("Spent: {credits} of {package}, which has {left} left.", **_credits(row, voice))
    elif row["payment_type"] == PaymentType.ALL_ACCESS:
        yield voice.say("Spent: your All-Access of {day}.", day=_day(row, voice))
    elif row["payment_type"] == PaymentType.COURSE and row["step_status"] == StepStatus.MISSED:
        said = {"step": row["step"], "course": row["package"]}
        sentence = msgid("Step {step} of {course} counts as missed: ask the studio if you want to catch up.")
        yield voice.say(sentence, **said)


def _credits(row: Row, voice: Voice) -> dict[str, object]:
    """Return what a sentence about credits names: how many, of which package, and what that has left."""
    credits_used = number_of_credits(voice, row["credit_service"], row["credits_used"])
    return {"credits": credits_used, "package": row["package"], "left": row["credits_left"]}


def _day(row: Row, voice: Voice) -> str:
    """Return the day of a pass that a booking uses: of a session that was moved it may be another than its own."""
    return voice.calendar_day(row["used_day"]) if row["used_day"] else voice.day(row["start_at"])
