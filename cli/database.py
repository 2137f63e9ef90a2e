"""The database behind a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine, exc

import config
from db.connection import build_engine


@contextmanager
def database() -> Iterator[Engine]:
    """Give connections to the stack of this folder or environment, closed at the end."""
    engine = build_engine(config.load().database_url, name="cli", size=2)
    try:
        yield engine
    finally:
        engine.dispose()


def told(error: Exception) -> str | None:
    """Return what a database's error means to who typed the command; None if it is nobody's but ours."""
    if not isinstance(error, psycopg.Error | exc.SQLAlchemyError):
        return None
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)):
        return "the database does not have the schema of this version: run `punchcard migrate`"
    away = isinstance(cause, psycopg.OperationalError | exc.TimeoutError)
    said = str(cause).partition("\n")[0]
    return f"the database does not answer: {said}" if away else f"the database refuses that: {said}"
