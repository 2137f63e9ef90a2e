"""Many rows in one statement: sent as one JSON document, typed by the table's own columns.

A JSON document is a single parameter that costs the client next to nothing; arrays, which say the
same, are escaped value by value and cost it more than the rest of a batch together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Session

from db.transaction import Rows, fetch

Row = Mapping[str, Any]


def insert(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Row], *, conflict: str = "", returning: str = ""
) -> Rows:
    """Insert rows that all have the same columns, in their order, with one round trip.

    Args:
        session: Its transaction takes the rows.
        model: The table.
        rows: Column name to value; empty means nothing is sent.
        conflict: The clause behind ON CONFLICT, such as `DO NOTHING`.
        returning: The columns behind RETURNING; with DO NOTHING only of rows that were new.

    """
    if not rows:
        return []
    statement = _insert(_table(model), tuple(rows[0]), conflict, returning)
    return fetch(session, statement, rows=_document(rows))


def update(session: Session, model: type[DeclarativeBase], rows: Sequence[Row]) -> None:
    """Change rows by their `id`, all in the same columns, with one round trip."""
    if not rows:
        return
    fetch(session, _update(_table(model), tuple(rows[0])), rows=_document(rows))


def _table(model: type[DeclarativeBase]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - declarative models map plain tables only
    return table


def _document(rows: Sequence[Row]) -> str:
    return orjson.dumps(rows, default=_instant).decode()


def _instant(value: object) -> str:
    """Write what orjson leaves to its caller: a datetime of a subclass."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _recordset(table: Table, columns: tuple[str, ...]) -> str:
    """Return the rows as a relation; a JSON text becomes what the column's type reads from it."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in columns)
    return f"jsonb_to_recordset(%(rows)s::jsonb) AS new ({types})"


@cache
def _insert(table: Table, columns: tuple[str, ...], conflict: str, returning: str) -> str:
    names = ", ".join(columns)
    statement = f"INSERT INTO {table.name} ({names}) SELECT * FROM {_recordset(table, columns)}"  # noqa: S608 - our own names
    statement += f" ON CONFLICT {conflict}" if conflict else ""
    return statement + (f" RETURNING {returning}" if returning else "")


@cache
def _update(table: Table, columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = new.{name}" for name in columns if name != "id")
    source = _recordset(table, columns)
    return f"UPDATE {table.name} SET {changes} FROM {source} WHERE {table.name}.id = new.id"  # noqa: S608 - our own names
