"""The beat table: every scheduled task, how often it runs, and why. Periods are claimed in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from db.bulk import insert
from db.models import PeriodicRun
from db.transaction import fetch, transaction
from worker import clock

LONGEST_SKEW = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A task of the clock: its name, its period, and why it exists."""

    name: str
    period: timedelta
    why: str


SCHEDULE = (
    Scheduled("inbox.sweep", timedelta(seconds=5), "says again what a lost hint was to say"),
    Scheduled("students.flags", timedelta(minutes=1), "ends badges and passes whose time is over"),
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


def period_start(at: datetime, period: timedelta) -> datetime:
    """Return the beginning of the period that an instant falls into, counted from 1970."""
    return at - (at - EPOCH) % period


def once_per_period(engine: Engine, name: str, work: Callable[[datetime], int]) -> int | None:
    """Do a scheduled task's work unless somebody has taken this period; return its count, or None if taken.

    Two beats and any number of workers do it once. Work is set-based on what is due by now, so a
    period that was missed is caught up by the next one.
    """
    at = clock.now()
    entry = next(entry for entry in SCHEDULE if entry.name == name)
    claim = {"task": name, "period_start": period_start(at, entry.period), "claimed_at": at}
    with transaction(engine) as session:
        if not insert(session, PeriodicRun, [claim], conflict="DO NOTHING", returning="task"):
            return None
    count = work(at)
    with transaction(engine) as session:
        fetch(session, FINISHED, task=name, period_start=claim["period_start"], at=clock.now())
    return count


FINISHED = """
UPDATE periodic_runs SET finished_at = %(at)s WHERE task = %(task)s AND period_start = %(period_start)s
"""
