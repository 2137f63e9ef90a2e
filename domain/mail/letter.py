"""What every mail has, whatever it tells: its id, who sends it, to whom, and its subject."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A session as a calendar keeps it; `uid` stays the same however it changes, and `sequence` grows with each change.

    Times are instants, shown in the IANA zone `timezone`. A session that does not take place any more `is_cancelled`.
    """

    uid: str
    sequence: int
    start_at: datetime
    end_at: datetime
    timezone: str
    summary: str
    description: str | None
    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, ready to be rendered; `email` is None where there is no address, `message_id` stays the same.

    It is written in `language`. Where it is about a session that has a time, `invite` says it to a calendar.
    """

    message_id: str
    organization: str
    sender: str
    name: str | None
    email: str | None
    subject: str
    language: str = "en"
    invite: Invite | None = None


def sender(email_sender: str | None, slug: str) -> str:
    """Return whom an organization's mails are from: one without a sender still has a valid one to develop with."""
    return email_sender or f"{slug}@localhost"
