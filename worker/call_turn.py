"""A turn with Stripe: whether there is something to ask for, what the turn did, and when to come again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from db.transaction import fetch, transaction
from worker import clock
from worker.stripe_inbox import LINE_ITEMS

BEGIN = """
INSERT INTO drains (inbox, started_at) VALUES ('stripe_calls', %(at)s)
ON CONFLICT (inbox) DO UPDATE SET started_at = excluded.started_at
"""
END = """
UPDATE drains SET batches = batches + 1, rows = rows + %(rows)s, seconds = seconds + %(seconds)s
 WHERE inbox = 'stripe_calls'
"""
DUE = f"""
SELECT 1 WHERE EXISTS (SELECT FROM stripe_calls WHERE status = 'PENDING' AND due_at <= %(at)s)
            OR EXISTS (SELECT FROM stripe_events WHERE waits_for = '{LINE_ITEMS}' AND status = 'RECEIVED')
"""  # noqa: S608 - our own text
# For what nobody waits for, and what is far off, the sweep comes soon enough.
NEXT = """
SELECT min(due_at) AS due_at, min(give_up_at) AS give_up_at FROM stripe_calls
 WHERE status = 'PENDING' AND job_id IS NOT NULL AND due_at <= %(soon)s
   AND (lease_until IS NULL OR lease_until < clock_timestamp())
"""
SOON = timedelta(seconds=20)
# Who comes at the very instant finds that it is not due yet.
MARGIN_SECONDS = 0.05


def is_due(engine: Engine) -> bool:
    """Say whether a call is due, or Stripe is to be asked what a Checkout sold."""
    with transaction(engine) as session:
        return bool(fetch(session, DUE, at=clock.now()))


def note_begin(engine: Engine) -> None:
    """Note that a turn begins."""
    with transaction(engine) as session:
        fetch(session, BEGIN, at=clock.now())


def note_end(engine: Engine, rows: int, seconds: float) -> None:
    """Add what a turn did to the sums of all turns."""
    with transaction(engine) as session:
        fetch(session, END, rows=rows, seconds=seconds)


def come_again(engine: Engine, left_alone: float) -> float | None:
    """Return in how many seconds a call is due that somebody waits for, or is to be given up; None where none is soon.

    Not before Stripe, left alone for so many seconds, may be asked.
    """
    at = clock.now()
    with transaction(engine) as session:
        (row,) = fetch(session, NEXT, soon=at + SOON)
    if row["due_at"] is None:
        return None
    due_at: datetime = max(row["due_at"], at + timedelta(seconds=left_alone))
    wait: timedelta = min(due_at, row["give_up_at"] or due_at) - at
    return max(wait.total_seconds(), 0.0) + MARGIN_SECONDS
