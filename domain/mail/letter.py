"""What every mail has, whatever it tells: its id, who sends it, to whom, and its subject."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, ready to be rendered; `email` is None where there is no address, `message_id` stays the same."""

    message_id: str
    organization: str
    sender: str
    name: str | None
    email: str | None
    subject: str


def sender(email_sender: str | None, slug: str) -> str:
    """Return whom an organization's mails are from: one without a sender still has a valid one to develop with."""
    return email_sender or f"{slug}@localhost"
