"""What a process has one of: its settings, its engine, its way to send hints."""

from __future__ import annotations

import os
from functools import cache

from sqlalchemy import Engine

import config
from db.connection import build_engine
from worker.hints import Hints

# A pool child runs one task at a time; the second connection is for what the task's relay reads beside it.
WORKER_CONNECTIONS = 2


@cache
def settings() -> config.Settings:
    """Return the settings, read once."""
    return config.load()


def engine() -> Engine:
    """Return this process's engine: a forked child builds its own."""
    return _engine(os.getpid())


def hints() -> Hints:
    """Return this process's way to send hints."""
    return _hints(os.getpid())


@cache
def _engine(_pid: int) -> Engine:
    return build_engine(settings().database_url, name="worker", size=WORKER_CONNECTIONS)


@cache
def _hints(_pid: int) -> Hints:
    return Hints(settings().broker_url)
