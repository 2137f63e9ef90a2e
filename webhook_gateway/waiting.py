"""Waiting for a job's end: a thread that sleeps, holds no connection, and looks for itself every second."""

from __future__ import annotations

import time

import psycopg

from webhook_gateway.gateway import Gateway
from webhook_gateway.job_link import Busy
from webhook_gateway.job_store import Outcome

# A notification that was lost costs this much.
LOOK_SECONDS = 1.0
# While the database is away nobody knows more than before.
AWAY = (psycopg.Error, Busy)


class CannotWait(Exception):
    """As many wait as may, or the database is away: the job stands, whatever its caller is told now."""


def outcome_within(gateway: Gateway, job_id: int, seconds: float) -> Outcome | None:
    """Return a job's outcome as soon as it has one.

    None if it has none within that time.

    Raises:
        CannotWait: nothing is known, and nobody may wait.

    """
    if seconds <= 0:
        return None
    if not gateway.waiting.acquire(blocking=False):
        raise CannotWait
    try:
        return _outcome(gateway, job_id, time.monotonic() + seconds)
    except AWAY as error:
        raise CannotWait from error
    finally:
        gateway.waiting.release()


def _outcome(gateway: Gateway, job_id: int, end: float) -> Outcome | None:
    with gateway.listener.waiting_for(job_id) as waiter:
        while (left := end - time.monotonic()) > 0:
            was_told = waiter.woken.wait(min(left, LOOK_SECONDS))
            # Cleared before looking: what is told from here on is looked for again.
            waiter.woken.clear()
            gateway.metrics.woken("notification" if was_told else "time")
            outcome = waiter.outcome or gateway.jobs.outcome(job_id)
            if outcome.is_finished:
                return outcome
    return None
