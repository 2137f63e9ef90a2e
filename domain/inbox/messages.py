"""What leaves, in both outboxes: what became of it and why; and what could not leave, sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import DeliveryStatus
from db.transaction import fetch

# By what a message's id begins with: its table, and the column that says of what kind it is.
OUTBOXES = {"mail": ("notifications", "kind"), "event": ("domain_events", "type")}

LIST = """
SELECT m.id, o.slug, m.{kind} AS kind, s.external_id, m.status, m.attempts, m.due_at, m.last_error, m.created_at
  FROM {table} m JOIN organizations o ON o.id = m.organization_id LEFT JOIN students s ON s.id = m.student_id
 WHERE {which} ORDER BY m.id DESC LIMIT %(most)s
"""

# The reason stays to be read until there is another one.
AGAIN = """
UPDATE {table} SET status = 'PENDING', due_at = %(at)s, attempts = 0, crashes = 0
 WHERE status = 'PARKED' {which} RETURNING id
"""
STATUSES = "SELECT id, status FROM {table} WHERE id = ANY(%(ids)s)"

FINAL = {
    DeliveryStatus.SENT: "was sent: a second time would be another one",
    DeliveryStatus.VOID: "was no longer true when it was to leave",
    DeliveryStatus.PENDING: "waits, and is sent by itself",
}


@dataclass(frozen=True, slots=True, order=True)
class MessageId:
    """Which one of which outbox: `mail-12`, `event-7`."""

    outbox: str
    number: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.outbox}-{self.number}"


@dataclass(frozen=True, slots=True)
class MessageView:
    """A mail or an event; `student_id` is the frontend's own name for whom it is about, if anybody."""

    id: MessageId
    organization: str
    kind: str
    student_id: str | None
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    created_at: datetime


def messages(session: Session, status: DeliveryStatus | None, most: int) -> list[MessageView]:
    """Return the newest messages of both outboxes, of one status if one is named."""
    # A constant, so that the index of what is parked is found by it.
    which = f"m.status = '{status.value}'" if status else "true"
    found = [
        _view(outbox, row)
        for outbox, (table, kind) in OUTBOXES.items()
        for row in fetch(session, LIST.format(table=table, kind=kind, which=which), most=most)
    ]
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:most]


def _view(outbox: str, row: dict[str, Any]) -> MessageView:
    status = DeliveryStatus(row["status"])
    return MessageView(
        id=MessageId(outbox, row["id"]),
        organization=row["slug"],
        kind=row["kind"],
        student_id=row["external_id"],
        status=status,
        attempts=row["attempts"],
        next_attempt_at=row["due_at"] if status is DeliveryStatus.PENDING else None,
        last_error=row["last_error"],
        created_at=row["created_at"],
    )


def retry(session: Session, wanted: Sequence[MessageId], *, at: datetime) -> dict[MessageId, str]:
    """Make parked messages due at once, as if they had never been tried.

    Returns why each of the others was left alone, as what can be said behind its id; empty is all of them made due.
    """
    refused: dict[MessageId, str] = {}
    for outbox, (table, _) in OUTBOXES.items():
        ids = [each.number for each in wanted if each.outbox == outbox]
        again = AGAIN.format(table=table, which="AND id = ANY(%(ids)s)")
        done = {row["id"] for row in fetch(session, again, ids=ids, at=at)}
        others = [number for number in ids if number not in done]
        known = {row["id"]: row["status"] for row in fetch(session, STATUSES.format(table=table), ids=others)}
        refused |= {MessageId(outbox, each): _reason(known.get(each)) for each in others}
    return refused


def retry_all(session: Session, *, at: datetime) -> int:
    """Make every parked message due at once; return how many there were."""
    return sum(len(fetch(session, AGAIN.format(table=table, which=""), at=at)) for table, _ in OUTBOXES.values())


def _reason(status: str | None) -> str:
    return "does not exist" if status is None else FINAL[DeliveryStatus(status)]
