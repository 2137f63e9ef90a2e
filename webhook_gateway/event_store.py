"""Store verified events once, as many as wait in one statement and one commit; the hot path of the gateway."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg

from db.connection import BY_INDEX, connect_arguments, cut

# An answer within two seconds, whatever the database does: to connect, and for the statement.
CONNECT_SECONDS = 2
STATEMENT_TIMEOUT_MS = 1_000
# The server did not even end its own statement: the line to it is cut.
HUNG_SECONDS = 1.3
# While one commit is under way the next is being made ready; a third would only make the groups smaller.
LINKS = 2
# A statement of more rows is no cheaper per row, and those in it wait longer.
GROUP = 64
GROUP_BYTES = 8 * 1024 * 1024
# The database is away, or may not be written to: nothing of the same moment fares better.
AWAY = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)

# The names as one JSON document and the bodies as one array: two parameters, however many events there
# are, so that driver and server know the statement when they see it again. The bodies in binary, or
# each would be escaped. A second delivery that is processed at the same time waits for the first one's
# commit, and finds its row; one of an event that stands already waits for nobody who works on that.
INSERT = """
INSERT INTO stripe_events
       (scope, event_id, organization_id, type, livemode, account, payment_key, payload, due_at, received_at)
SELECT new.*, %(at)s::timestamptz, %(at)s::timestamptz
  FROM ROWS FROM (jsonb_to_recordset(%(names)s::jsonb) AS (
                    scope bigint, event_id text, organization_id bigint, type text,
                    livemode boolean, account text, payment_key text),
                  unnest(%(payloads)b::bytea[])) AS new
 WHERE NOT EXISTS (SELECT FROM stripe_events old WHERE old.scope = new.scope AND old.event_id = new.event_id)
ON CONFLICT (scope, event_id) DO NOTHING RETURNING scope, event_id
"""
ORGANIZATION = "SELECT slug, id FROM organizations WHERE slug = %(slug)s"
NAMES = ("scope", "event_id", "organization_id", "type", "livemode", "account", "payment_key")

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A verified event, as it is stored. `scope` is the organization whose secret signed it, 0 for the platform's."""

    scope: int
    organization_id: int | None
    event_id: str
    type: str
    livemode: bool | None
    account: str | None
    payment_key: str | None
    payload: bytes

    @property
    def key(self) -> Key:
        """What may stand in the table once."""
        return self.scope, self.event_id


def parameters(events: Sequence[NewEvent], *, at: datetime) -> dict[str, Any]:
    """Return the statement's parameters for some events."""
    names = [{name: getattr(event, name) for name in NAMES} for event in events]
    return {"names": orjson.dumps(names).decode(), "payloads": [event.payload for event in events], "at": at}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is to be stored, and whom to tell whether it was new."""

    event: NewEvent
    at: datetime
    told: asyncio.Future[bool]


class EventStore:
    """The gateway's own connections for events, apart from those that reading requests may use up."""

    def __init__(self, database_url: str) -> None:
        self._waiting: deque[Waiting] = deque()
        self._idle = [Link(database_url) for _ in range(LINKS)]
        self._lookup, self._looking = Link(database_url), asyncio.Lock()
        self._organizations: dict[str, int] = {}
        self._busy: set[asyncio.Task[None]] = set()

    async def add(self, event: NewEvent, *, at: datetime) -> bool:
        """Store an event, with those that come at the same moment; return whether it was new.

        Raises:
            psycopg.Error: the database does not answer; whether the event is stored is not known.

        """
        waiting = Waiting(event, at, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._idle:
            self._begin(self._write(self._idle.pop()))
        return await waiting.told

    async def organization(self, slug: str) -> int | None:
        """Return the id of an organization, which never changes; None where there is none of that name."""
        if slug not in self._organizations:
            # Whoever gives up waiting does not break off the statement, which would take its time.
            await asyncio.shield(self._begin(self._look_up(slug)))
        return self._organizations.get(slug)

    async def _look_up(self, slug: str) -> None:
        async with self._looking:
            self._organizations |= dict(await self._lookup.execute(ORGANIZATION, {"slug": slug}))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        # Whoever still waits is told; if nobody does, nobody need hear of it.
        if not task.cancelled():
            task.exception()

    async def _write(self, link: Link) -> None:
        """Store what waits, group by group, until nothing does."""
        try:
            while group := self._next():
                await _store(link, group)
        finally:
            self._idle.append(link)

    def _next(self) -> list[Waiting]:
        group: list[Waiting] = []
        size = 0
        while self._waiting and len(group) < GROUP and size < GROUP_BYTES:
            waiting = self._waiting.popleft()
            # Nobody waits for it any more: whoever sent it was told to send it again.
            if not waiting.told.done():
                group.append(waiting)
                size += len(waiting.event.payload)
        return group

    async def close(self) -> None:
        """Give the connections back."""
        for link in (*self._idle, self._lookup):
            await link.close()


async def _store(link: Link, group: Sequence[Waiting]) -> bool:
    """Store a group and tell each of it; return whether the database answered."""
    try:
        new = await _insert(link, [waiting.event for waiting in group], at=group[0].at)
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits is told
        is_away = isinstance(error, AWAY)
        if len(group) > 1 and not is_away:
            return await _store_each(link, group)
        for waiting in group:
            _tell(waiting, error)
        return not is_away
    for waiting in group:
        _tell(waiting, waiting.event.key in new)
        # Of two deliveries in one group the first was the new one.
        new.discard(waiting.event.key)
    return True


async def _store_each(link: Link, group: Sequence[Waiting]) -> bool:
    """Store a group one by one: an event that cannot be stored must not keep the others from it."""
    left = deque(group)
    while left:
        waiting = left.popleft()
        if not waiting.told.done() and not await _store(link, [waiting]):
            for each in left:
                _tell(each, psycopg.OperationalError("the database went away meanwhile"))
            return False
    return True


async def _insert(link: Link, events: Sequence[NewEvent], *, at: datetime) -> set[Key]:
    """Store events and return the keys of those that are new."""
    unique = {event.key: event for event in events}
    # In one order everywhere, so that two groups with the same events cannot wait for each other.
    ordered = [unique[key] for key in sorted(unique)]
    return {(row[0], row[1]) for row in await link.execute(INSERT, parameters(ordered, at=at))}


def _tell(waiting: Waiting, told: bool | Exception) -> None:  # noqa: FBT001 - what became of it
    if waiting.told.done():
        return
    if isinstance(told, Exception):
        waiting.told.set_exception(told)
    else:
        waiting.told.set_result(told)


class Link:
    """A connection that is made when it is needed, and made again when it was lost."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def execute(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that can be sent twice without harm, and return its rows.

        Raises:
            psycopg.Error: the database does not answer; what became of the statement is not known.

        """
        is_fresh = self._connection is None or self._connection.closed
        try:
            return await self._execute(statement, parameters)
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.errors.ReadOnlySqlTransaction:
            # It stays so for as long as the session lasts.
            await self.close()
            raise
        except psycopg.OperationalError:
            if is_fresh or not self._was_lost():
                raise
            return await self._execute(statement, parameters)

    def _was_lost(self) -> bool:
        return self._connection is not None and self._connection.closed

    async def _execute(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(HUNG_SECONDS, self._cut)
        try:
            cursor = await self._connection.execute(statement, parameters, prepare=True)
            return await cursor.fetchall()
        except psycopg.OperationalError as error:
            if timer.when() > loop.time():
                raise
            # There is no time to ask again.
            raise psycopg.errors.QueryCanceled("the server hangs") from error
        finally:
            timer.cancel()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        arguments = connect_arguments("intake", BY_INDEX) | {"connect_timeout": CONNECT_SECONDS}
        arguments["options"] = f"{arguments['options']} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, **arguments)  # type: ignore[arg-type]

    def _cut(self) -> None:
        if self._connection is not None:
            cut(self._connection)

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()
