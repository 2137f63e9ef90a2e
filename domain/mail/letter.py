"""What every mail has, whatever it tells: its id, who sends it, to whom, its subject, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.mail.voice import Voice


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


@dataclass(frozen=True, slots=True)
class Card:
    """What a mail is about: the name of a session or a package, when that is, what else there is to know, a remark.

    A session that its reader does not go to any more `is_off`.
    """

    title: str
    lines: tuple[str, ...] = ()
    note: str | None = None
    when: str | None = None
    is_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, ready to be laid out; `email` is None where there is no address, `message_id` stays the same.

    It says `opening`, `heading`, the `cards`, `notes`, and last the `facts` to refer to, all in `language`. Where it is
    about a session that has a time, `invite` says it to a calendar.
    """

    message_id: str
    organization: str
    sender: str
    name: str | None
    email: str | None
    subject: str
    language: str = "en"
    heading: str
    opening: str | None = None
    cards: tuple[Card, ...] = ()
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    invite: Invite | None = None

    @property
    def preview(self) -> str:
        """What a mailbox shows beside the subject."""
        said = [line for card in self.cards[:1] for line in (card.title, card.when, *card.lines) if line]
        return ", ".join(said) or " ".join(self.notes[:1])


def envelope(row: Mapping[str, Any], voice: Voice, about: str) -> dict[str, Any]:
    """Return what every mail begins with, of a row with its organization and the `name` and `email` of who gets it."""
    return {
        "message_id": row["message_id"],
        "organization": row["organization"],
        "sender": sender(row["email_sender"], row["slug"]),
        "name": row["name"],
        "email": row["email"],
        "subject": voice.say("{organization}: {about}", organization=row["organization"], about=about),
        "language": voice.language,
    }


def sender(email_sender: str | None, slug: str) -> str:
    """Return whom an organization's mails are from: one without a sender still has a valid one to develop with."""
    return email_sender or f"{slug}@localhost"
