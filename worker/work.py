"""The work of each scheduled task, to be done by a worker once per period or by a person now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from worker import clock, upkeep
from worker.event_bus import DOMAIN_EVENTS
from worker.hints import CALLS
from worker.job_inbox import JOBS
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch
from worker.period import once_per_period
from worker.runtime import engine, hints
from worker.stripe_inbox import STRIPE_EVENTS
from worker.sweep import sweep


class Work(Protocol):
    """What a scheduled task does with what is due at an instant."""

    def __call__(self, engine: Engine, *, at: datetime) -> int:
        """Return how much there was."""


def _sweep(engine: Engine, *, at: datetime) -> int:
    return sweep(engine, (STRIPE_EVENTS, JOBS), hints(), at=at)


def _sync(engine: Engine, *, at: datetime) -> int:
    if count := upkeep.sync_products(engine, at=at):
        hints().send(CALLS)
    return count


WORK: Mapping[str, Work] = {
    "inbox.sweep": _sweep,
    "bookings.remind": upkeep.remind,
    "bookings.complete": upkeep.complete_bookings,
    "passes.expire": upkeep.expire_passes,
    "packages.expire": upkeep.expire_packages,
    "packages.warn": upkeep.warn,
    "students.flags": upkeep.refresh_stale_flags,
    "steps.remind": upkeep.tell_unbooked,
    "sessions.low_seats": upkeep.alert_low_seats,
    "waitlists.tend": upkeep.tend_waitlists,
    "orders.expire": upkeep.give_up_orders,
    "products.sync": _sync,
    "events.prune": upkeep.prune_payloads,
    "runs.prune": upkeep.prune_runs,
}


def run_scheduled(name: str) -> None:
    """Do a scheduled task's work, unless somebody has taken this period, and have sent what it wrote."""
    if once_per_period(engine(), name, lambda at: WORK[name](engine(), at=at)):
        hints().send("notifications")


def run_now(name: str) -> int:
    """Do a scheduled task's work whoever has taken its period; return its count."""
    return WORK[name](engine(), at=clock.now())


def drain_outboxes() -> int:
    """Send all that is due, in this process; return how much there was."""
    total = 0
    while sent := relay_batch(DOMAIN_EVENTS, engine()) + relay_batch(NOTIFICATIONS, engine()):
        total += sent
    return total
