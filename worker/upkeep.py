"""Set-based upkeep, in batches: run twice, run late, run twice at once, the result is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.transaction import fetch, transaction
from domain.booking.expiry import expire
from domain.purchase.holder import refresh_flags, stale_holders
from domain.studio.completion import complete_sessions
from domain.waitlist.calling import call_uncalled
from domain.waitlist.closing import close_lines

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


def complete_bookings(engine: Engine, *, at: datetime) -> int:
    """Complete the sessions that have been over for long enough; return how many there were."""
    total = 0
    while True:
        with transaction(engine) as session:
            completed = complete_sessions(session, at=at)
        # What somebody else completes at this moment is theirs.
        if not completed:
            return total
        total += completed


def expire_packages(engine: Engine, *, at: datetime) -> int:
    """Cancel the open drafts of packages that have ended; return how many packages were found."""
    total, after = 0, 0
    while True:
        with transaction(engine) as session:
            ids = expire(session, after=after, at=at)
        if not ids:
            return total
        total, after = total + len(ids), ids[-1]


def tend_waitlists(engine: Engine, *, at: datetime) -> int:
    """Close places in line that can bring no place any more, and call lines that nobody did; return how many."""
    closed = _until_none(engine, partial(close_lines, at=at))
    with transaction(engine) as session:
        return closed + call_uncalled(session, at=at)


def _until_none(engine: Engine, step: Callable[[Session], int]) -> int:
    """Do a step in a transaction each until it finds nothing; return how much there was."""
    total = 0
    while True:
        with transaction(engine) as session:
            count = step(session)
        if not count:
            return total
        total += count


def prune_runs(engine: Engine, *, at: datetime) -> int:
    """Delete claims of periods that nobody will claim again; return how many there were."""
    with transaction(engine) as session:
        return len(fetch(session, PRUNE, before=at - KEEP_RUNS))
