"""One SQLite file with every object, what was answered under which key, and what is still to be sent."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any

from fake_stripe.error import missing

Json = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS objects_of_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_of_payment ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_of_charge ON objects (kind, json_extract(body, '$.charge'));
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL, endpoint TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0
);
"""
IN_MEMORY = ":memory:"
# Objects that are looked at together while a list is walked.
STRIDE = 50


class Store:
    """Objects by kind and id, newest first in lists. One connection and one lock: one request at a time is at work."""

    def __init__(self, path: str) -> None:
        self._lock = RLock()
        self._depth = 0
        if path != IN_MEMORY:
            _create(path)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        # What a killed machine loses is play money.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everybody else out, and everything or nothing of what is written meanwhile."""
        with self._lock:
            if not self._depth:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._end("ROLLBACK")
                raise
            self._end("COMMIT")

    def _end(self, word: str) -> None:
        self._depth -= 1
        if not self._depth:
            self._database.execute(word)

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run one statement and return its rows."""
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def find(self, kind: str, key: str) -> Json | None:
        """Return an object, or None."""
        rows = self.execute("SELECT body FROM objects WHERE kind = ? AND id = ?", kind, key)
        return dict(json.loads(rows[0][0])) if rows else None

    def get(self, kind: str, key: str, *, param: str | None = None) -> Json:
        """Return an object.

        Raises:
            Refused: there is none; `param` names the parameter that said there was.

        """
        found = self.find(kind, key)
        if found is None:
            raise missing(kind, key, param=param)
        return found

    def put(self, kind: str, obj: Json) -> Json:
        """Write an object, new or changed, and return it."""
        statement = (
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body ="
            " excluded.body"
        )
        self.execute(statement, kind, obj["id"], json.dumps(obj))
        return obj

    def remove(self, kind: str, key: str) -> None:
        """Forget an object."""
        self.execute("DELETE FROM objects WHERE kind = ? AND id = ?", kind, key)

    def position(self, kind: str, key: str) -> int | None:
        """Return an object's place in the order in which they were made."""
        rows = self.execute("SELECT seq FROM objects WHERE kind = ? AND id = ?", kind, key)
        return int(rows[0][0]) if rows else None

    def walk(self, kind: str, *, after: int | None = None, before: int | None = None) -> Iterator[Json]:
        """Yield objects newest first, those older than `after`; or, oldest first, those newer than `before`."""
        upwards = before is not None
        at = before if before is not None else (after if after is not None else 2**62)
        side, order = (">", "ASC") if upwards else ("<", "DESC")
        statement = f"SELECT seq, body FROM objects WHERE kind = ? AND seq {side} ? ORDER BY seq {order} LIMIT {STRIDE}"  # noqa: S608 - words of ours
        while rows := self.execute(statement, kind, at):
            yield from (json.loads(body) for _, body in rows)
            at = rows[-1][0]

    def where(self, kind: str, field: str, value: object) -> list[Json]:
        """Return the objects whose top-level field has this value, newest first."""
        statement = f"SELECT body FROM objects WHERE kind = ? AND json_extract(body, '$.{field}') = ? ORDER BY seq DESC"  # noqa: S608 - a word of ours
        return [json.loads(body) for (body,) in self.execute(statement, kind, value)]


def _create(path: str) -> None:
    """Make a file that nobody else reads: it holds signing secrets, and who bought what."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def shown(obj: Json) -> Json:
    """Return an object without the fields that only we know."""
    return {name: value for name, value in obj.items() if not name.startswith("_")}
