"""Set-based upkeep, in batches: run twice, run late, run twice at once, the result is the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from db.transaction import fetch, transaction
from domain.purchase.holder import refresh_flags, stale_holders

# Longer than any outage that a claim could still matter for.
KEEP_RUNS = timedelta(days=2)
PRUNE = "DELETE FROM periodic_runs WHERE period_start < %(before)s RETURNING task"


def refresh_stale_flags(engine: Engine, *, at: datetime) -> int:
    """Compute anew the flags of students whose badge or pass began or ended; return how many there were."""
    total, after = 0, 0
    while True:
        with transaction(engine) as session:
            ids = stale_holders(session, after=after, at=at)
            refresh_flags(session, ids, at=at)
        if not ids:
            return total
        # Always onwards: a flag that stays untrue must not keep the rest from its turn.
        total, after = total + len(ids), ids[-1]


def prune_runs(engine: Engine, *, at: datetime) -> int:
    """Delete claims of periods that nobody will claim again; return how many there were."""
    with transaction(engine) as session:
        return len(fetch(session, PRUNE, before=at - KEEP_RUNS))
