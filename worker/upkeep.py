"""Set-based upkeep, in batches: run twice, run late, run twice at once, the result is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.transaction import fetch, transaction
from domain.clock import abandoned, ending, mark, reminder, unbooked, warning
from domain.clock.low_seats import tell_low_seats
from domain.inbox.retention import prune_payloads as prune
from domain.outward.product_answer import want_due
from domain.outward.upkeep import prune_calls
from domain.purchase.holder import refresh_flags, stale_holders
from domain.studio.completion import complete_sessions
from domain.waitlist.calling import call_uncalled
from domain.waitlist.closing import close_lines
from worker.runtime import settings

# Longer than any outage that a claim could still matter for.
KEEP_RUNS = timedelta(days=2)
PRUNE = "DELETE FROM periodic_runs WHERE period_start < %(before)s RETURNING task"


def refresh_stale_flags(engine: Engine, *, at: datetime) -> int:
    """Compute anew the flags of students whose pass has begun; return how many there were."""
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
    return _until_none(engine, partial(complete_sessions, at=at))


def expire_passes(engine: Engine, *, at: datetime) -> int:
    """Note passes of All-Access and friend passes that have ended, and tell of them; return how many."""
    return _ended(engine, ending.PASSES, at=at) + _ended(engine, ending.FRIENDS, at=at)


def expire_packages(engine: Engine, *, at: datetime) -> int:
    """Note other packages that have ended, close their drafts, and tell of them; return how many."""
    return _ended(engine, ending.PACKAGES, at=at)


def _ended(engine: Engine, kind: ending.Ending, *, at: datetime) -> int:
    return _until_none(engine, partial(ending.end, kind=kind, at=at))


def remind(engine: Engine, *, at: datetime) -> int:
    """Write the reminders of sessions that have come due; return how many."""
    return _since_then(engine, "bookings.remind", reminder.remind, at=at)


def warn(engine: Engine, *, at: datetime) -> int:
    """Write to students whose packages and passes end soon; return how many."""
    return _since_then(engine, "packages.warn", warning.warn_of_passes, warning.warn_of_packages, at=at)


def tell_unbooked(engine: Engine, *, at: datetime) -> int:
    """Write to students of courses whose next dates are near and not booked; return how many."""
    return _in_batches(engine, partial(unbooked.tell_unbooked, at=at))


def give_up_orders(engine: Engine, *, at: datetime) -> int:
    """Give up orders that nobody paid for a month; return how many."""
    return _until_none(engine, partial(abandoned.give_up, at=at))


def alert_low_seats(engine: Engine, *, at: datetime) -> int:
    """Tell staff of sessions of courses that are nearly full; return how many."""
    return _until_none(engine, partial(tell_low_seats, at=at))


def _since_then(engine: Engine, task: str, *steps: Callable[..., mark.Batch | None], at: datetime) -> int:
    """Look at what came due since a task ended last; if it dies on the way, the next one looks again."""
    with transaction(engine) as session:
        since = mark.looked_until(session, task, at=at)
    total = sum(_in_batches(engine, partial(step, since=since, at=at)) for step in steps)
    with transaction(engine) as session:
        mark.note(session, task, at=at)
    return total


def _in_batches(engine: Engine, step: Callable[[Session, mark.Batch], mark.Batch | None]) -> int:
    """Do a step in a transaction each, from batch to batch, until there are none; return how much was written."""
    total, batch = 0, mark.Batch()
    while True:
        with transaction(engine) as session:
            following = step(session, batch)
        if following is None:
            return total
        total, batch = total + following.written, following


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


def prune_payloads(engine: Engine, *, at: datetime) -> int:
    """Keep only the hashes of what events said that were handled long ago, and no calls as old; return how many."""
    return _until_none(engine, partial(prune, at=at)) + _until_none(engine, partial(prune_calls, at=at))


def sync_products(engine: Engine, *, at: datetime) -> int:
    """Want Stripe told of products that have changed; return how many. Without a key it cannot be told."""
    if settings().stripe_api_key is None:
        return 0
    return _until_none(engine, partial(want_due, at=at))


def prune_runs(engine: Engine, *, at: datetime) -> int:
    """Delete claims of periods that nobody will claim again; return how many there were."""
    with transaction(engine) as session:
        return len(fetch(session, PRUNE, before=at - KEEP_RUNS))
