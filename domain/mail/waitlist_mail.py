"""What mails tell those who wait: a turn in line that brought no place, or a line that is no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import SessionStatus, WaitlistStatus
from db.transaction import fetch
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, msgid, voice_of

SKIPPED, CLOSED = "waitlist.skipped", "waitlist.closed"

# Why a student could not be booked, and what they can do, by the code that a booking would have ended in.
WHY = {
    "time_conflict": msgid("you have another session at that time"),
    "insufficient_credits": msgid("nothing that you hold pays for it: buy a package, and book it if a place is free"),
    "confirmation_required": msgid("it would take credits of a higher tier, and only you can say that it may"),
    "all_access_used_today": msgid("your All-Access is used for that day"),
    "package_expired": msgid("your package ends before it"),
    "package_not_started": msgid("your package begins after it"),
    "package_suspended": msgid("the payment of your package is disputed"),
    "package_revoked": msgid("the payment of your package went back"),
}
OTHERWISE = msgid("it could not be booked with what you hold")

ABOUT = """
SELECT n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone, o.language, s.name, s.email,
       w.id, w.status, w.reason, c.start_at, c.end_at, c.status AS session_status, c.cancel_reason,
       g.name AS class, t.name AS teacher
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN waitlist_entries w ON w.id = n.waitlist_entry_id
  JOIN students s ON s.id = w.student_id
  JOIN class_sessions c ON c.id = w.session_id
  JOIN group_classes g ON g.id = c.group_class_id
  LEFT JOIN teachers t ON t.id = c.teacher_id
 WHERE n.id = %(id)s
"""

Row = Mapping[str, Any]


def read_skipped_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a turn must say; None if its student does not wait any more, or for nothing."""
    (row,) = fetch(session, ABOUT, id=notification_id)
    if row["status"] != WaitlistStatus.SKIPPED or row["session_status"] != SessionStatus.SCHEDULED:
        return None
    return skipped_mail(row)


def read_closed_mail(session: Session, notification_id: int, *, at: datetime) -> Letter:  # noqa: ARG001 - as all read
    """Read what a mail about a line that is over must say to those who waited in it."""
    (row,) = fetch(session, ABOUT, id=notification_id)
    return closed_mail(row)


def skipped_mail(row: Row) -> Letter:
    """Return the mail about a turn that brought no place, of a row of `ABOUT`."""
    voice = voice_of(row)
    what = _what(row, voice)
    return Letter(
        **envelope(row, voice, voice.say("a place came free in {what}, but we could not book you", what=what)),
        heading=voice.say("A place came free"),
        cards=(_card(row, voice),),
        notes=(
            voice.say("We could not book you: {why}.", why=voice.say(WHY.get(row["reason"], OTHERWISE))),
            voice.say("You keep your place in line: the next free place is offered to you again."),
        ),
        facts=(_reference(row, voice),),
    )


def closed_mail(row: Row) -> Letter:
    """Return the mail about a line that is no more, of a row of `ABOUT`."""
    voice = voice_of(row)
    if row["session_status"] != SessionStatus.CANCELLED:
        return _unpaid_mail(row, voice)
    return Letter(
        **envelope(row, voice, voice.say("called off, {what}", what=_what(row, voice))),
        heading=voice.say("The session is called off"),
        cards=(_card(row, voice),),
        notes=(_called_off(row, voice), voice.say("You were not booked, and nothing was spent.")),
        facts=(_reference(row, voice),),
    )


def _unpaid_mail(row: Row, voice: Voice) -> Letter:
    """Return the mail about a place in line that nothing would pay any more."""
    return Letter(
        **envelope(row, voice, voice.say("you do not wait any more for {what}", what=_what(row, voice))),
        heading=voice.say("You do not wait any more"),
        cards=(_card(row, voice),),
        notes=(
            voice.say("The payment of your package went back, and nothing else that you hold would pay for it."),
            voice.say("You were not booked, and nothing was spent."),
        ),
        facts=(_reference(row, voice),),
    )


def _called_off(row: Row, voice: Voice) -> str:
    organization, reason = row["organization"], row["cancel_reason"]
    if not reason:
        return voice.say("{organization} has called off a session for which you waited.", organization=organization)
    sentence = msgid("{organization} has called off a session for which you waited. They say: {reason}")
    return voice.say(sentence, organization=organization, reason=reason)


def _what(row: Row, voice: Voice) -> str:
    return voice.say("{session}, {time}", session=row["class"], time=voice.brief(row["start_at"]))


def _card(row: Row, voice: Voice) -> Card:
    when = voice.span(row["start_at"], row["end_at"])
    teacher = (voice.say("with {teacher}", teacher=row["teacher"]),) if row["teacher"] else ()
    return Card(row["class"], teacher, when=when, is_off=row["session_status"] == SessionStatus.CANCELLED)


def _reference(row: Row, voice: Voice) -> str:
    return voice.say("Waitlist: {number}", number=row["id"])
