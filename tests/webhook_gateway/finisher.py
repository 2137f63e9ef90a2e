"""Finishes jobs as a worker does: the outcome and the notification in one transaction."""

from __future__ import annotations

import random
import threading
import time
from typing import Any, Self

import psycopg
from psycopg.types.json import Jsonb

FINISH = """
UPDATE jobs SET status = CASE WHEN %(problem)s::jsonb IS NULL THEN 'SUCCEEDED' ELSE 'FAILED' END,
       result = %(result)s, problem = %(problem)s, finished_at = received_at
 WHERE id = ANY(%(ids)s)
"""
CLAIM = "SELECT id FROM jobs WHERE status = 'QUEUED' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
NOTIFY = "SELECT pg_notify('jobs', %s)"
DONE: dict[str, Any] = {"booking": {"id": 7}}


def finish(
    database_url: str, *ids: int, result: object = None, problem: dict[str, Any] | None = None, tell: bool = True
) -> None:
    """Finish jobs; without `tell` nobody hears of it."""
    with psycopg.connect(database_url) as connection:
        _finish(connection, list(ids), DONE if result is None else result, problem, tell=tell)


def _finish(
    connection: psycopg.Connection[Any], ids: list[int], result: object, problem: dict[str, Any] | None, *, tell: bool
) -> None:
    said = {"result": None if problem else Jsonb(result), "problem": Jsonb(problem) if problem else None}
    connection.execute(FINISH, said | {"ids": ids})
    if tell:
        connection.execute(NOTIFY, [",".join(map(str, ids))])


class Finisher:
    """Finishes for a block every job that is stored, each soon and some at once."""

    def __init__(self, database_url: str, *, seed: int = 1) -> None:
        self._url = database_url
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stopped.is_set():
                self._batch(connection)
                time.sleep(self._random.choice([0, 0, 0.001, 0.005]))

    def _batch(self, connection: psycopg.Connection[Any]) -> None:
        with connection.transaction():
            ids = [row[0] for row in connection.execute(CLAIM, [self._random.randint(1, 20)])]
            if ids:
                _finish(connection, ids, DONE, None, tell=True)
