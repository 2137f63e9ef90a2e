"""What mails tell those who wait: a turn in line that brought no place, or a line that is no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.models import SessionStatus, WaitlistStatus
from db.transaction import fetch
from domain.mail.letter import Letter, sender
from domain.mail.readable_time import brief, span

SKIPPED, CLOSED = "waitlist.skipped", "waitlist.closed"

# Why a student could not be booked, and what they can do, by the code that a booking would have ended in.
WHY = {
    "time_conflict": "you have another session at that time",
    "insufficient_credits": "nothing that you hold pays for it: buy a package, and book it if a place is free",
    "confirmation_required": "it would take credits of a higher tier, and only you can say that it may",
    "all_access_used_today": "your All-Access is used for that day",
    "package_expired": "your package ends before it",
    "package_not_started": "your package begins after it",
    "package_suspended": "the payment of your package is disputed",
    "package_revoked": "the payment of your package went back",
}
OTHERWISE = "it could not be booked with what you hold"

ABOUT = """
SELECT n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone, s.name, s.email,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistMail(Letter):
    """A mail to somebody who waits, or did."""

    entry_id: int
    heading: str
    session: str
    details: tuple[str, ...]
    news: str
    outlook: str


def read_skipped_mail(session: Session, notification_id: int) -> WaitlistMail | None:
    """Read what a mail about a turn must say; None if its student does not wait any more, or for nothing."""
    (row,) = fetch(session, ABOUT, id=notification_id)
    if row["status"] != WaitlistStatus.SKIPPED or row["session_status"] != SessionStatus.SCHEDULED:
        return None
    return _mail(
        row,
        heading="A place came free",
        subject=f"a place came free in {_what(row)}, but we could not book you",
        news=f"We could not book you: {WHY.get(row['reason'], OTHERWISE)}.",
        outlook="You keep your place in line: the next free place is offered to you again.",
    )


def read_closed_mail(session: Session, notification_id: int) -> WaitlistMail:
    """Read what a mail about a session that was called off must say to those who waited for it."""
    (row,) = fetch(session, ABOUT, id=notification_id)
    why = f" They say: {row['cancel_reason']}" if row["cancel_reason"] else ""
    return _mail(
        row,
        heading="The session is called off",
        subject=f"called off, {_what(row)}",
        news=f"{row['organization']} has called off a session for which you waited.{why}",
        outlook="You were not booked, and nothing was spent.",
    )


def _mail(row: Mapping[str, Any], *, subject: str, heading: str, news: str, outlook: str) -> WaitlistMail:
    return WaitlistMail(
        message_id=row["message_id"],
        organization=row["organization"],
        sender=sender(row["email_sender"], row["slug"]),
        name=row["name"],
        email=row["email"],
        subject=f"{row['organization']}: {subject}",
        entry_id=row["id"],
        session=row["class"],
        details=_details(row),
        heading=heading,
        news=news,
        outlook=outlook,
    )


def _what(row: Mapping[str, Any]) -> str:
    return f"{row['class']}, {brief(row['start_at'], row['timezone'])}"


def _details(row: Mapping[str, Any]) -> tuple[str, ...]:
    when = span(row["start_at"], row["end_at"], row["timezone"])
    return (when, f"with {row['teacher']}") if row["teacher"] else (when,)
