"""How far a scheduled task has looked, so that it looks at nothing twice and misses nothing while it was away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import fetch

# Before the first student of anybody.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Looked at again each time: a transaction may commit a minute after the instant it was about, and the clocks of two
# workers differ by five. What was told before is told once all the same.
OVERLAP = timedelta(minutes=10)

LOOKED = "SELECT done_through FROM clock_marks WHERE task = %(task)s"
NOTE = """
INSERT INTO clock_marks (task, done_through) VALUES (%(task)s, %(at)s)
ON CONFLICT (task) DO UPDATE SET done_through = excluded.done_through
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a transaction did: how many mails it wrote, and the instant and id that it ended with, to go on from."""

    written: int = 0
    last_at: datetime = BEGINNING
    last_id: int = 0


def next_batch(session: Session, statement: str, after: Batch, **values: object) -> Batch | None:
    """Run a statement that tells of some things beyond a batch, by their instant and id; None if there are none."""
    rows = fetch(session, statement, after_at=after.last_at, after_id=after.last_id, **values)
    return _batch(rows[0]) if rows else None


def _batch(row: Mapping[str, Any]) -> Batch:
    return Batch(row["written"], row["last_at"], row["last_id"])


def looked_until(session: Session, task: str, *, at: datetime) -> datetime:
    """Return since when a task must look: where it ended before, or from the beginning if it never ran.

    A mark in the future was made by a clock that was ahead for a while: nobody knows what it has seen.
    """
    rows = fetch(session, LOOKED, task=task)
    return rows[0]["done_through"] - OVERLAP if rows and rows[0]["done_through"] <= at else BEGINNING


def note(session: Session, task: str, *, at: datetime) -> None:
    """Note that a task has looked until an instant."""
    fetch(session, NOTE, task=task, at=at)
