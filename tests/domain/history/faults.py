"""A time that a history moves, and what breaks a batch off."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session as Transaction

from db.transaction import Rows, fetch
from worker.inbox import Outcomes
from worker.job_inbox import JOBS


class Time:
    """The one place where a history's time comes from; in a history it only goes forward."""

    at = datetime(2027, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """What ends a worker's process, and no handler catches."""


def killed(session: Transaction, rows: Rows, at: datetime) -> Outcomes:
    """Do everything, and die before the commit."""
    JOBS.handle(session, rows, at)
    raise Killed


class CutOff:
    """Do everything, and lose the connection before the commit: the first time only."""

    def __init__(self) -> None:
        self.happened = False

    def __call__(self, session: Transaction, rows: Rows, at: datetime) -> Outcomes:
        outcomes = JOBS.handle(session, rows, at)
        if not self.happened:
            self.happened = True
            fetch(session, "SELECT pg_terminate_backend(pg_backend_pid())")
        return outcomes
