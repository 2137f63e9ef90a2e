"""Store a verified event once, in one statement and one commit; the hot path of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from db.connection import connect_arguments

# An answer within two seconds, whatever the database does: wait for a connection, then for the statement.
POOL_WAIT_SECONDS = 0.7
STATEMENT_TIMEOUT_MS = 1_000
POOL_SIZE = 8
# After an outage a pool waits as long again before it connects; it gives up sooner, and the next event begins anew.
RECONNECT_SECONDS = 1

# No connection was lost: the database is away or busy, and there is no time to ask it twice.
UNANSWERED = (PoolTimeout, psycopg.errors.QueryCanceled)

# A second delivery that is processed at the same time waits for the first one's commit, and finds its row.
INSERT = """
INSERT INTO stripe_events
       (scope, event_id, organization_id, type, livemode, account, payload, due_at, received_at)
VALUES (%(scope)s, %(event_id)s, %(organization_id)s, %(type)s, %(livemode)s, %(account)s, %(payload)s, %(at)s, %(at)s)
ON CONFLICT (scope, event_id) DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A verified event, as it is stored. `scope` is the organization whose secret signed it, 0 for the platform's."""

    scope: int
    organization_id: int | None
    event_id: str
    type: str
    livemode: bool | None
    account: str | None
    payload: bytes


class EventStore:
    """The gateway's own connections for events, apart from those that reading requests may use up."""

    def __init__(self, database_url: str) -> None:
        arguments = connect_arguments("intake")
        arguments["options"] = f"{arguments['options']} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        self._pool = ConnectionPool(
            database_url,
            kwargs={"autocommit": True, **arguments},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_WAIT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            name="intake",
            open=True,
        )

    def add(self, event: NewEvent, *, at: datetime) -> bool:
        """Store an event; return whether it was new.

        The statement can be sent twice without harm, so a connection that was lost meanwhile is
        replaced and the statement tried once more.

        Raises:
            psycopg.Error: the database does not answer; whether the event is stored is not known.

        """
        values = {
            "scope": event.scope,
            "event_id": event.event_id,
            "organization_id": event.organization_id,
            "type": event.type,
            "livemode": event.livemode,
            "account": event.account,
            "payload": event.payload,
            "at": at,
        }
        try:
            return self._insert(values)
        except UNANSWERED:
            raise
        except psycopg.OperationalError:
            self._pool.check()
            return self._insert(values)

    def organization(self, slug: str) -> int | None:
        """Return the id of an organization, or None where there is none of that name."""
        with self._pool.connection() as connection:
            row = connection.execute("SELECT id FROM organizations WHERE slug = %s", [slug]).fetchone()
        return row[0] if row else None

    def _insert(self, values: dict[str, object]) -> bool:
        with self._pool.connection() as connection:
            return connection.execute(INSERT, values, prepare=True).fetchone() is not None

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()
