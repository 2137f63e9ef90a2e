"""What Stripe signed is kept for a while, then only its hash: ids, times and effects stay for good."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.transaction import fetch

# Longer than Stripe shows an event: what it can still be asked for, we can still compare.
KEEP_PAYLOADS = timedelta(days=35)
# How long ago, as it is told.
KEPT_FOR = f"{KEEP_PAYLOADS.days} days after it was handled"
# A row of some kilobytes each: a second or so, in which nobody waits for them.
BATCH = 2_000

# Of the exact bytes, so that whoever has them can prove it.
FORGET = "payload = NULL, payload_hash = sha256(payload), line_items = NULL"

# What another one deletes at this moment, or a person replays, is theirs.
PRUNE = f"""
UPDATE stripe_events SET {FORGET}
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_events
        WHERE status IN ('PROCESSED', 'IGNORED') AND payload IS NOT NULL AND finished_at < %(before)s
        ORDER BY finished_at, id LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
RETURNING id
"""  # noqa: S608 - our own text

# Finished with it: only then a row may be without its payload.
CONCLUDE = f"""
UPDATE stripe_events SET status = 'PROCESSED', finished_at = %(at)s, {FORGET}
 WHERE id = ANY(%(ids)s) AND payload IS NOT NULL
"""  # noqa: S608 - our own text


def prune_payloads(session: Session, *, at: datetime) -> int:
    """Replace the payloads of a batch of events that were handled long ago by their hashes; return how many."""
    return len(fetch(session, PRUNE, before=at - KEEP_PAYLOADS))


def conclude_unread(session: Session, ids: Collection[int], *, at: datetime) -> None:
    """Mark events that were acted on as handled, and keep only the hashes of what they said."""
    if ids:
        fetch(session, CONCLUDE, ids=list(ids), at=at)
