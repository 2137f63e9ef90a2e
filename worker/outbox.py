"""Send what the outboxes hold: lease, send, mark; one row's trouble is no other's, and a server's is no row's.

A row is leased in a transaction of its own, by the database's clock, before anything leaves. It is
marked only by who still holds the lease. A relay that dies in between sends again, with the same id.
Where nothing can leave at the moment, the rest of a batch is given back as if it had not been leased.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
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
from worker.way import Way, open_way

log = structlog.get_logger(__name__)

# Longer than a leased batch can take to send, each send bounded by its timeout.
LEASE_SECONDS = 120
# A server that is slow at each row of a batch sends fewer of them in one lease.
BATCH_SECONDS = 10
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


class Away(Exception):
    """Nothing can leave at the moment, whichever row it is; the message says why. No row is blamed for it."""


class Postponed(Exception):
    """This row could not leave now; the message says why.

    Unless it `blames` the row, it may as well have been the server's fault: the row is not given up for it.
    """

    def __init__(self, reason: str, *, blames: bool) -> None:
        super().__init__(reason)
        self.blames = blames


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of rows that must leave, the function that sends one, and the way on which a batch of them leaves."""

    model: type[DeclarativeBase]
    batch: int
    send: Callable[[Engine, int], None]
    way: Callable[[], AbstractContextManager[Way]] = open_way

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


LEASE = """
UPDATE {table}
   SET lease_token = %(token)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
       attempts = attempts + 1, crashes = crashes + (lease_until IS NOT NULL)::int
 WHERE id = ANY(ARRAY(
       SELECT id FROM {table}
        WHERE status = 'PENDING' AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until < clock_timestamp()) AND {which}
        ORDER BY due_at, id LIMIT {limit} FOR UPDATE SKIP LOCKED))
RETURNING id, attempts, crashes, created_at, due_at
"""

MARK = """
UPDATE {table}
   SET status = %(status)s, last_error = %(error)s, lease_token = NULL, lease_until = NULL,
       due_at = %(due_at)s, sent_at = %(sent_at)s, attempts = attempts - %(uncounted)s::int
 WHERE id = %(id)s AND lease_token = %(token)s
"""

GIVE_BACK = """
UPDATE {table} SET lease_token = NULL, lease_until = NULL, attempts = attempts - 1
 WHERE id = ANY(%(ids)s) AND lease_token = %(token)s
"""


def relay_batch(outbox: Outbox, engine: Engine) -> int:
    """Send up to a batch of due rows, each in a transaction of its own; return of how many it is known what became.

    A row that was tried before is leased alone, after the fresh ones unless the way says otherwise: whatever
    became of it then happens to no other, and no number of fresh ones keeps it waiting.
    """
    with outbox.way() as way:
        leases = [("attempts = 0", outbox.batch), ("attempts > 0", 1)]
        if way.asks_again():
            leases.reverse()
        return sum(_lease_and_send(outbox, engine, way, which, most) for which, most in leases)


def _lease_and_send(outbox: Outbox, engine: Engine, way: Way, which: str, most: int) -> int:
    if not (limit := way.room(most)):
        return 0
    token, until, done = str(uuid4()), time.monotonic() + BATCH_SECONDS, 0
    rows = sorted(_lease(outbox, engine, token, which, limit), key=lambda row: int(row["id"]))
    for row in rows:
        with structlog.contextvars.bound_contextvars(table=outbox.table, row=row["id"]):
            outcome = _relay(outbox, engine, row)
            _mark(outbox, engine, row["id"], token, outcome)
        done += not outcome["uncounted"]
        if outcome["uncounted"] or not way.room(1) or time.monotonic() > until:
            _give_back(outbox, engine, token, [row["id"] for row in rows])
            break
    return done


def _lease(outbox: Outbox, engine: Engine, token: str, which: str, limit: int) -> Rows:
    statement = LEASE.format(table=outbox.table, which=which, limit=limit)
    with transaction(engine) as session:
        return fetch(session, statement, token=token, seconds=LEASE_SECONDS, at=clock.now())


def _give_back(outbox: Outbox, engine: Engine, token: str, ids: Sequence[int]) -> None:
    """Let go of what is still leased, as if it had not been."""
    with transaction(engine) as session:
        fetch(session, GIVE_BACK.format(table=outbox.table), ids=ids, token=token)


def _relay(outbox: Outbox, engine: Engine, row: dict[str, Any]) -> dict[str, Any]:
    """Send one row; return what became of it, as columns."""
    at = clock.now()
    if row["crashes"] >= MAX_CRASHES:
        return _parked(f"the process that sent it died {row['crashes']} times", at)
    try:
        outbox.send(engine, row["id"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the row keeps it
        return _not_sent(row, error, at)
    return _columns(DeliveryStatus.SENT, at, sent_at=at)


def _not_sent(row: dict[str, Any], error: Exception, at: datetime) -> dict[str, Any]:
    match error:
        case Undeliverable():
            return _parked(str(error), at)
        case NoLongerTrue():
            return _columns(DeliveryStatus.VOID, at)
        case Away():
            log.warning("outbox.away", reason=str(error))
            return _columns(DeliveryStatus.PENDING, row["due_at"], error=str(error), uncounted=True)
        case Postponed():
            return _postponed(row, str(error), at, for_ever=not error.blames)
    return _postponed(row, describe(error), at)


def _postponed(row: dict[str, Any], reason: str, at: datetime, *, for_ever: bool = False) -> dict[str, Any]:
    """Return a row's next time, or that it had its time."""
    if not for_ever and at - row["created_at"] > GIVE_UP_AFTER and row["attempts"] >= FEWEST_ATTEMPTS:
        return _parked(f"{reason}, for {GIVE_UP_AFTER.days} days", at)
    log.warning("outbox.not_sent", attempts=row["attempts"], error=reason)
    # Two to the twelfth seconds is more than the longest delay.
    delay = min(timedelta(seconds=2 ** min(row["attempts"], 12)), LONGEST_DELAY)
    return _columns(DeliveryStatus.PENDING, at + delay, error=reason)


def _parked(reason: str, at: datetime) -> dict[str, Any]:
    log.warning("outbox.parked", reason=reason)
    return _columns(DeliveryStatus.PARKED, at, error=reason)


def _columns(
    status: DeliveryStatus,
    due_at: datetime,
    *,
    error: str | None = None,
    sent_at: datetime | None = None,
    uncounted: bool = False,
) -> dict[str, Any]:
    return {"status": status.value, "due_at": due_at, "error": error, "sent_at": sent_at, "uncounted": uncounted}


def _mark(outbox: Outbox, engine: Engine, row_id: int, token: str, columns: dict[str, Any]) -> None:
    with transaction(engine) as session:
        fetch(session, MARK.format(table=outbox.table), id=row_id, token=token, **columns)
