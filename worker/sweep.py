"""Liveness: whatever became of its hint, a row that is due is drained within a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Engine

from db.transaction import fetch, transaction
from worker import clock
from worker.drain import Drained
from worker.hints import Hints
from worker.inbox import SUSPECT_SWEEPS, Inbox

# Rows this long due are overdue: a drain that lives takes them within moments.
OVERDUE = timedelta(seconds=5)
# What a dead drain had claimed stands at the head of the queue: one batch of it. A row is suspicious
# only if a drain began after it was overdue, and left it: one that nobody came for is not.
MARK = """
UPDATE {table} SET sweeps = sweeps + 1
 WHERE id = ANY(ARRAY(
       SELECT id FROM {table}
        WHERE {due} AND sweeps < {suspect} AND due_at < (SELECT started_at FROM drains WHERE inbox = '{table}')
        ORDER BY due_at, id LIMIT {head} FOR UPDATE SKIP LOCKED))
"""

NOTE = """
INSERT INTO drains (inbox, started_at) VALUES (%(inbox)s, %(at)s)
ON CONFLICT (inbox) DO UPDATE SET started_at = excluded.started_at
"""

# Added by the database, so that drains which end at the same moment lose nothing of each other's.
ADD = """
UPDATE drains SET batches = batches + %(batches)s, rows = rows + %(rows)s, seconds = seconds + %(seconds)s
 WHERE inbox = %(inbox)s
"""

DUE = """
SELECT 'stripe' AS queue WHERE EXISTS
  (SELECT 1 FROM stripe_events WHERE status = 'RECEIVED' AND due_at <= %(at)s)
UNION ALL SELECT 'bookings' WHERE EXISTS
  (SELECT 1 FROM jobs WHERE status = 'QUEUED' AND due_at <= %(at)s)
UNION ALL SELECT 'notifications' WHERE EXISTS
  (SELECT 1 FROM notifications WHERE status = 'PENDING' AND due_at <= %(at)s)
    OR EXISTS (SELECT 1 FROM domain_events WHERE status = 'PENDING' AND due_at <= %(at)s)
UNION ALL SELECT 'calls' WHERE EXISTS
  (SELECT 1 FROM stripe_calls WHERE status = 'PENDING' AND due_at <= %(at)s)
"""


def note_drain(engine: Engine, inbox: Inbox) -> None:
    """Note that a drain begins: what it leaves at the head of the queue is suspicious."""
    with transaction(engine) as session:
        fetch(session, NOTE, inbox=inbox.table, at=clock.now())


def note_end(engine: Engine, inbox: Inbox, drained: Drained) -> None:
    """Add what a drain did to the sums of its inbox; one that found nothing costs nothing.

    What a killed drain did is missing in the sums, and in nothing else.
    """
    if drained.batches:
        with transaction(engine) as session:
            fetch(session, ADD, inbox=inbox.table, **asdict(drained))


def sweep(engine: Engine, inboxes: Sequence[Inbox], hints: Hints, *, at: datetime) -> int:
    """Count overdue rows at the heads of inboxes, and hint at every queue that has something due; return how many."""
    with transaction(engine) as session:
        for inbox in inboxes:
            mark = MARK.format(table=inbox.table, due=inbox.due, suspect=SUSPECT_SWEEPS, head=inbox.batch)
            fetch(session, mark, at=at - OVERDUE)
        queues = [row["queue"] for row in fetch(session, DUE, at=at)]
    for queue in queues:
        hints.send(queue)
    return len(queues)
