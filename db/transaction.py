"""The only module that commits: one transaction per request and per batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import Engine
from sqlalchemy.orm import Session

Rows = list[DictRow]


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Run a block as one transaction: committed whole at its end, or not at all.

    An exception from the commit itself says nothing about the rows: read them again.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Run a block that only reads; the database refuses a write in it."""
    with Session(engine) as session:
        session.connection(execution_options={"postgresql_readonly": True})
        yield session
        session.rollback()


def driver(session: Session) -> psycopg.Connection[Any]:
    """Return the driver's connection under a session, for the set-based statements of the hot drains."""
    return cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)


def fetch(session: Session, statement: str, **values: object) -> Rows:
    """Run one statement of plain SQL inside the session's transaction and return its rows."""
    with driver(session).cursor(row_factory=dict_row, binary=True) as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
