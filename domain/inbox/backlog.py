"""How much work waits, how long, and how much was done: what a monitor looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch

# What is finished is never counted: the rows that wait are few, and partial indexes hold them.
WAITING = """
SELECT 'stripe_events' AS name, 'RECEIVED' AS status, count(*) AS rows, min(due_at) AS oldest
  FROM stripe_events WHERE status = 'RECEIVED'
UNION ALL
SELECT 'stripe_events', 'FAILED', count(*), NULL FROM stripe_events WHERE status = 'FAILED'
UNION ALL
SELECT 'stripe_events', 'QUARANTINED', count(*), NULL FROM stripe_events WHERE status = 'QUARANTINED'
UNION ALL
SELECT 'jobs', 'QUEUED', count(*), min(due_at) FROM jobs WHERE status = 'QUEUED'
UNION ALL
SELECT 'jobs', 'PARKED', count(*), NULL FROM jobs WHERE status = 'FAILED' AND error_code IN ('failed', 'worker_lost')
UNION ALL
SELECT 'notifications', 'PENDING', count(*), min(due_at) FROM notifications WHERE status = 'PENDING'
UNION ALL
SELECT 'notifications', 'PARKED', count(*), NULL FROM notifications WHERE status = 'PARKED'
UNION ALL
SELECT 'domain_events', 'PENDING', count(*), min(due_at) FROM domain_events WHERE status = 'PENDING'
UNION ALL
SELECT 'domain_events', 'PARKED', count(*), NULL FROM domain_events WHERE status = 'PARKED'
UNION ALL
SELECT 'stripe_calls', 'PENDING', count(*), min(due_at) FROM stripe_calls WHERE status = 'PENDING'
UNION ALL
SELECT 'stripe_calls', 'PARKED', count(*), NULL FROM stripe_calls WHERE status = 'PARKED' AND job_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The unfinished rows of one table in one status."""

    name: str
    status: str
    rows: int
    oldest_due_age: float | None


def backlog(session: Session, *, at: datetime) -> list[Backlog]:
    """Return what waits; the age is of the row longest due, in seconds, None where nothing falls due."""
    return [
        Backlog(row["name"], row["status"], row["rows"], _age(row["oldest"], at)) for row in fetch(session, WAITING)
    ]


@dataclass(frozen=True, slots=True)
class DrainTotals:
    """What the drains of one inbox did since its schema was made, and how long ago the last one began, in seconds."""

    name: str
    batches: int
    rows: int
    seconds: float
    age: float


def drain_totals(session: Session, *, at: datetime) -> list[DrainTotals]:
    """Return the sums of each inbox that was ever drained."""
    rows = fetch(session, "SELECT inbox, batches, rows, seconds, started_at FROM drains ORDER BY inbox")
    return [
        DrainTotals(
            row["inbox"],
            row["batches"],
            row["rows"],
            row["seconds"],
            max((at - row["started_at"]).total_seconds(), 0.0),
        )
        for row in rows
    ]


def _age(oldest: datetime | None, at: datetime) -> float | None:
    return max((at - oldest).total_seconds(), 0.0) if oldest else None
