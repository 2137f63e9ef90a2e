"""The work of each scheduled task, to be done by a worker once per period or by a person now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from worker import clock
from worker.event_bus import DOMAIN_EVENTS
from worker.job_inbox import JOBS
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch
from worker.period import once_per_period
from worker.runtime import engine, hints
from worker.stripe_inbox import STRIPE_EVENTS
from worker.sweep import sweep
from worker.upkeep import complete_bookings, expire_packages, prune_runs, refresh_stale_flags, tend_waitlists


def _sweep(at: datetime) -> int:
    return sweep(engine(), (STRIPE_EVENTS, JOBS), hints(), at=at)


def _flags(at: datetime) -> int:
    return refresh_stale_flags(engine(), at=at)


def _complete(at: datetime) -> int:
    return complete_bookings(engine(), at=at)


def _expire(at: datetime) -> int:
    return expire_packages(engine(), at=at)


def _tend_waitlists(at: datetime) -> int:
    return tend_waitlists(engine(), at=at)


def _prune(at: datetime) -> int:
    return prune_runs(engine(), at=at)


WORK: dict[str, Callable[[datetime], int]] = {
    "inbox.sweep": _sweep,
    "students.flags": _flags,
    "bookings.complete": _complete,
    "packages.expire": _expire,
    "waitlists.tend": _tend_waitlists,
    "runs.prune": _prune,
}


def run_scheduled(name: str) -> None:
    """Do a scheduled task's work, unless somebody has taken this period."""
    once_per_period(engine(), name, WORK[name])


def run_now(name: str) -> int:
    """Do a scheduled task's work whoever has taken its period; return its count."""
    return WORK[name](clock.now())


def drain_outboxes() -> int:
    """Send all that is due, in this process; return how much there was."""
    total = 0
    while sent := relay_batch(DOMAIN_EVENTS, engine()) + relay_batch(NOTIFICATIONS, engine()):
        total += sent
    return total
