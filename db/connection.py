"""How connections to PostgreSQL are made: time limits, keepalives, pools."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import psycopg
from sqlalchemy import Engine, create_engine

# Each limit is shorter than the one around it: lock < statement < task (60 s) < lease (120 s).
LOCK_TIMEOUT_MS = 2_000
STATEMENT_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_MS = 15_000
CONNECT_TIMEOUT_S = 3


# For whoever only looks up what a batch names. A session keeps its plans, those of foreign keys too: one
# made while a table was empty would go on reading all of it, for every row that is written, until
# somebody analyzes the table. One plan for whatever values: to plan a statement anew takes longer than to run it.
BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


def connect_arguments(name: str, planner: Mapping[str, str] | None = None) -> dict[str, str | int]:
    """Return libpq's parameters for a connection that cannot hang for ever."""
    limits = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        "TimeZone": "UTC",
    }
    return {
        "application_name": f"punchcard-{name}",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": STATEMENT_TIMEOUT_MS + 2_000,
        "options": " ".join(f"-c {key}={value}" for key, value in {**limits, **(planner or {})}.items()),
    }


def cut(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """End the line of a connection that somebody waits on: a server that hangs would not even hear of a cancel."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def driver_url(url: str) -> str:
    """Return a postgresql:// URL in the form that SQLAlchemy reads for psycopg."""
    return "postgresql+psycopg://" + url.partition("://")[2]


def build_engine(url: str, *, name: str, size: int = 5, planner: Mapping[str, str] | None = None) -> Engine:
    """Return an engine; a request waits at most a second for one of its `size` connections."""
    return create_engine(
        driver_url(url),
        connect_args=connect_arguments(name, planner),
        pool_pre_ping=True,
        pool_size=size,
        max_overflow=0,
        pool_timeout=1,
        json_deserializer=orjson.loads,
        # An error's text goes into logs; what a student typed does not.
        hide_parameters=True,
    )
