"""What a process has one of: its settings, its engine, its way to send hints."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import config
from worker.hints import Hints, build_publisher

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Engine

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


def publisher() -> Celery:
    """Return this process's way to publish, which gives up at once where the broker is away."""
    return _publisher(os.getpid(), settings().broker_url)


@cache
def _publisher(_pid: int, broker_url: str) -> Celery:
    return build_publisher(broker_url)


@cache
def _engine(_pid: int) -> Engine:
    # Beat has settings and no database, and would keep all that reaches one.
    from db.connection import BY_INDEX, build_engine  # noqa: PLC0415

    return build_engine(settings().database_url, name="worker", size=WORKER_CONNECTIONS, planner=BY_INDEX)


@cache
def _hints(_pid: int) -> Hints:
    return Hints(settings().broker_url)
