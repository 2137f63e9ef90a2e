"""Send what the outboxes hold: lease, send, mark; one row's trouble is no other's.

A row is leased in a transaction of its own, by the database's clock, before anything leaves. It is
marked only by who still holds the lease. A relay that dies in between sends again, with the same id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import DeclarativeBase

from db.models import DeliveryStatus
from db.transaction import Rows, fetch, transaction
from worker import clock
from worker.log import describe

log = structlog.get_logger(__name__)

# Longer than a leased batch can take to send, each send bounded by its timeout.
LEASE_SECONDS = 120
# A row whose relay died so often is taken for the cause.
MAX_CRASHES = 5
# A server that is away is tried for the time that a mail is worth something, at growing distance.
GIVE_UP_AFTER = timedelta(days=3)
LONGEST_DELAY = timedelta(hours=1)
# However old it is: a row may have been parked, or its relay away, for days.
FEWEST_ATTEMPTS = 20


class Undeliverable(Exception):
    """Trying again cannot help; the message says what to mend."""


class NoLongerTrue(Exception):
    """What the row tells of was undone before it left."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of rows that must leave, and the function that sends one."""

    model: type[DeclarativeBase]
    batch: int
    send: Callable[[Engine, int], None]

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


LEASE = """
UPDATE {table}
   SET lease_token = %(token)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
       attempts = attempts + 1, crashes = crashes + (lease_until IS NOT NULL)::int
 WHERE id IN (SELECT id FROM {table}
               WHERE status = 'PENDING' AND due_at <= %(at)s
                 AND (lease_until IS NULL OR lease_until < clock_timestamp()) AND {which}
               ORDER BY due_at, id LIMIT {limit} FOR UPDATE SKIP LOCKED)
RETURNING id, attempts, crashes, created_at
"""

MARK = """
UPDATE {table}
   SET status = %(status)s, last_error = %(error)s, lease_token = NULL, lease_until = NULL,
       due_at = %(due_at)s, sent_at = %(sent_at)s
 WHERE id = %(id)s AND lease_token = %(token)s
"""


def relay_batch(outbox: Outbox, engine: Engine) -> int:
    """Send up to a batch of due rows, each in a transaction of its own; return how many were leased.

    A row that was tried before is leased alone, after the fresh ones: whatever became of it then
    happens to no other, and no number of fresh ones keeps it waiting.
    """
    fresh = _lease_and_send(outbox, engine, "attempts = 0", outbox.batch)
    return fresh + _lease_and_send(outbox, engine, "attempts > 0", 1)


def _lease_and_send(outbox: Outbox, engine: Engine, which: str, limit: int) -> int:
    token = str(uuid4())
    rows = _lease(outbox, engine, token, which, limit)
    for row in sorted(rows, key=lambda row: int(row["id"])):
        with structlog.contextvars.bound_contextvars(table=outbox.table, row=row["id"]):
            _mark(outbox, engine, row["id"], token, _relay(outbox, engine, row))
    return len(rows)


def _lease(outbox: Outbox, engine: Engine, token: str, which: str, limit: int) -> Rows:
    statement = LEASE.format(table=outbox.table, which=which, limit=limit)
    with transaction(engine) as session:
        return fetch(session, statement, token=token, seconds=LEASE_SECONDS, at=clock.now())


def _relay(outbox: Outbox, engine: Engine, row: dict[str, Any]) -> dict[str, Any]:
    """Send one row; return what became of it, as columns."""
    at = clock.now()
    if row["crashes"] >= MAX_CRASHES:
        return _parked(f"the process that sent it died {row['crashes']} times", at)
    try:
        outbox.send(engine, row["id"])
    except Undeliverable as reason:
        return _parked(str(reason), at)
    except NoLongerTrue:
        return _columns(DeliveryStatus.VOID, at)
    except Exception as error:  # noqa: BLE001 - whatever it is, the row keeps it
        if at - row["created_at"] > GIVE_UP_AFTER and row["attempts"] >= FEWEST_ATTEMPTS:
            return _parked(f"{describe(error)}, for {GIVE_UP_AFTER.days} days", at)
        log.warning("outbox.not_sent", attempts=row["attempts"], error=describe(error))
        # Two to the twelfth seconds is more than the longest delay.
        delay = min(timedelta(seconds=2 ** min(row["attempts"], 12)), LONGEST_DELAY)
        return _columns(DeliveryStatus.PENDING, at + delay, error=describe(error))
    return _columns(DeliveryStatus.SENT, at, sent_at=at)


def _parked(reason: str, at: datetime) -> dict[str, Any]:
    log.warning("outbox.parked", reason=reason)
    return _columns(DeliveryStatus.PARKED, at, error=reason)


def _columns(
    status: DeliveryStatus, due_at: datetime, *, error: str | None = None, sent_at: datetime | None = None
) -> dict[str, Any]:
    return {"status": status.value, "due_at": due_at, "error": error, "sent_at": sent_at}


def _mark(outbox: Outbox, engine: Engine, row_id: int, token: str, columns: dict[str, Any]) -> None:
    with transaction(engine) as session:
        fetch(session, MARK.format(table=outbox.table), id=row_id, token=token, **columns)
