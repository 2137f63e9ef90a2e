"""A connection for statements that each stand alone, and the few of them that a process shares."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

from db.connection import BY_INDEX, connect_arguments

# An answer within two seconds, whatever the database does: to connect, and for the statement.
CONNECT_SECONDS = 2
STATEMENT_TIMEOUT_MS = 1_000
# A statement takes a millisecond: more of them would only wait for each other inside the server.
LINKS = 8
# How often a wait looks whether the process was told to stop.
WAIT_INTERVAL = 0.1

Row = tuple[Any, ...]


class Busy(Exception):
    """Every connection is in use, and has been for a while."""


class Pool:
    """Connections that are made when they are needed; whoever finds none free waits a little."""

    def __init__(self, database_url: str, *, size: int = LINKS) -> None:
        self._links = [Link(database_url) for _ in range(size)]
        # The one used last comes first: the others need not even be made.
        self._idle: LifoQueue[Link] = LifoQueue()
        for link in self._links:
            self._idle.put(link)

    def execute(
        self, statement: str, parameters: dict[str, Any], *, patience: float, seconds: float, again: bool
    ) -> list[Row]:
        """Run a statement and return its rows.

        Args:
            statement: Committed as soon as it is done.
            parameters: By their names.
            patience: How long to wait for a connection, in seconds.
            seconds: How long the server may take; one that does not even end its own statement is cut off.
            again: Whether the statement may be sent twice without harm.

        Raises:
            Busy: no connection became free.
            psycopg.Error: the database does not answer; what became of the statement is not known.

        """
        with self._taken(patience) as link:
            return link.execute(statement, parameters, seconds=seconds, again=again)

    @contextmanager
    def _taken(self, patience: float) -> Iterator[Link]:
        try:
            link = self._idle.get(timeout=patience)
        except Empty:
            raise Busy from None
        try:
            yield link
        finally:
            self._idle.put(link)

    def close(self) -> None:
        """Give the connections back."""
        for link in self._links:
            link.close()


class Link:
    """A connection that is made when it is needed, and made again when it was lost."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Hasty | None = None

    def execute(self, statement: str, parameters: dict[str, Any], *, seconds: float, again: bool) -> list[Row]:
        """Run a statement; if its connection is lost meanwhile, once more, where that does no harm."""
        is_fresh = self._drop_if_lost()
        try:
            return self._execute(statement, parameters, seconds)
        except psycopg.errors.ReadOnlySqlTransaction:
            # It stays so for as long as the session lasts.
            self.close()
            raise
        except psycopg.OperationalError:
            if is_fresh or not again or not (self._connection and self._connection.closed):
                raise
            return self._execute(statement, parameters, seconds)

    def _drop_if_lost(self) -> bool:
        """Let go of a connection that was lost or hangs; return whether a new one is needed."""
        if self._connection is not None and not self._connection.is_ready():
            self.close()
        return self._connection is None

    def _execute(self, statement: str, parameters: dict[str, Any], seconds: float) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = _connect(self._url)
        self._connection.seconds = seconds
        return self._connection.execute(statement, parameters, prepare=True).fetchall()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Hasty(psycopg.Connection[Row]):
    """A connection that waits for its server for so many seconds and no longer."""

    seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = WAIT_INTERVAL, timeout: float | None = None) -> RV:
        """Have the server answer, or raise an OperationalError and leave the statement under way."""
        return super().wait(gen, interval, self.seconds if timeout is None else timeout)

    def is_ready(self) -> bool:
        """Say whether it can take a statement.

        What a server says to a connection that asks nothing is its end: whoever sees that beforehand need
        not wonder what became of a statement.
        """
        if self.closed or self.info.transaction_status is not TransactionStatus.IDLE:
            return False
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return not poll.poll(0)


def _connect(database_url: str) -> Hasty:
    arguments = connect_arguments("jobs", BY_INDEX) | {"connect_timeout": CONNECT_SECONDS}
    arguments["options"] = f"{arguments['options']} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
    return Hasty.connect(database_url, autocommit=True, **arguments)  # type: ignore[arg-type]
