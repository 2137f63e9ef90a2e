"""Calls that are over are forgotten after a while: what they were about stands elsewhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.inbox.retention import BATCH, KEEP_PAYLOADS

# What was refused is kept for whoever mends its cause, unless a command ended with it; that of a refund for good.
OVER = (
    "status = 'SENT' AND sent_at < %(before)s ORDER BY sent_at, id",
    "(status = 'PARKED' AND job_id IS NOT NULL OR status = 'VOID') AND created_at < %(before)s ORDER BY id",
)
PRUNE = f"""
DELETE FROM stripe_calls
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_calls WHERE refund_id IS NULL AND {{over}} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
RETURNING id
"""  # noqa: S608 - our own text


def prune_calls(session: Session, *, at: datetime) -> int:
    """Delete a batch of calls that ended long ago; return how many there were."""
    return sum(len(fetch(session, PRUNE.format(over=over), before=at - KEEP_PAYLOADS)) for over in OVER)
