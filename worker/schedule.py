"""The beat table: every scheduled task, how often it runs, and why; beat knows this and no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

LONGEST_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A task of the clock: its name, its period, and why it exists."""

    name: str
    period: timedelta
    why: str


SCHEDULE = (
    Scheduled("inbox.sweep", timedelta(seconds=5), "says again what a lost hint was to say"),
    Scheduled("bookings.remind", timedelta(minutes=1), "reminds of sessions, so long before as each studio says"),
    Scheduled("bookings.complete", timedelta(minutes=5), "counts whoever was not marked as having come"),
    Scheduled("passes.expire", timedelta(minutes=1), "ends All-Access and friend passes, and tells"),
    Scheduled("packages.expire", timedelta(minutes=5), "ends packages with their badges and open drafts, and tells"),
    Scheduled("packages.warn", timedelta(minutes=15), "tells of what ends in a week or tomorrow with something left"),
    Scheduled("students.flags", timedelta(minutes=1), "begins passes that were bought before the last one ended"),
    Scheduled("steps.remind", timedelta(hours=1), "tells of open steps of courses that have a date within a week"),
    Scheduled("sessions.low_seats", timedelta(minutes=5), "tells staff of course dates that are nearly full"),
    Scheduled("waitlists.tend", timedelta(minutes=1), "ends waits that are over, and calls lines that nobody called"),
    Scheduled("orders.expire", timedelta(hours=1), "gives up orders that nobody paid for a month"),
    Scheduled("products.sync", timedelta(minutes=1), "tells Stripe of products that have changed"),
    Scheduled("events.prune", timedelta(hours=1), "replaces payloads handled over a month ago by their hash"),
    Scheduled("runs.prune", timedelta(hours=1), "forgets claims of periods long gone"),
)


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the table as Celery's beat reads it; a message that nobody took for minutes is void.

    Not sooner: the workers' clocks may differ, and a period is done once however many messages tell of it.
    """
    return {
        entry.name: {
            "task": entry.name,
            "schedule": entry.period,
            "options": {"queue": "maintenance", "expires": max(entry.period, LONGEST_SKEW).total_seconds()},
        }
        for entry in SCHEDULE
    }
