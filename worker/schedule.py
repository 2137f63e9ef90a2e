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
    Scheduled("students.flags", timedelta(minutes=1), "ends badges and passes whose time is over"),
    Scheduled("bookings.complete", timedelta(minutes=5), "counts whoever was not marked as having come"),
    Scheduled("packages.expire", timedelta(minutes=10), "cancels open drafts of packages that have ended"),
    Scheduled("waitlists.tend", timedelta(minutes=1), "ends waits that are over, and calls lines that nobody called"),
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
