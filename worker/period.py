"""Periods of the clock, claimed in the database: done once, however many messages tell of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from db.bulk import insert
from db.models import PeriodicRun
from db.transaction import fetch, transaction
from worker import clock
from worker.schedule import LONGEST_SKEW, SCHEDULE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A claim from the future was made by a clock that was ahead, and took a period that had not come.
TAKEN = f"""(task, period_start) DO UPDATE SET claimed_at = excluded.claimed_at, finished_at = NULL
      WHERE periodic_runs.claimed_at > excluded.claimed_at + interval '{LONGEST_SKEW.total_seconds()} seconds'"""
FINISHED = """
UPDATE periodic_runs SET finished_at = %(at)s WHERE task = %(task)s AND period_start = %(period_start)s
"""


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
        if not insert(session, PeriodicRun, [claim], conflict=TAKEN, returning="task"):
            return None
    count = work(at)
    with transaction(engine) as session:
        fetch(session, FINISHED, task=name, period_start=claim["period_start"], at=clock.now())
    return count
