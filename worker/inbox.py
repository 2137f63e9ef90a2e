"""Drain an inbox: claim a batch of due rows, act, mark them, commit once; again until none is due.

The row locks are the claim. A batch that fails is done again row by row, so that a row that cannot
be handled counts its attempts alone and blocks nobody. A row that kills its process cannot count:
the sweeper notices that it stays at the head of the queue, and from then on its attempt is counted
in a transaction of its own before it is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from db.bulk import update
from db.transaction import Rows, fetch, transaction
from domain.inbox.verdict import Parked, Quarantined, Verdict
from worker import clock
from worker.log import describe

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 5
# Rows of a failed batch that a lock, or a database that is away, kept back before the others are left to a later drain.
MOST_HINDERED = 2
# Met this often by the sweeper at the head of the queue, a row is suspected of killing its process.
SUSPECT_SWEEPS = 3
# Of each row its organization, where it is known, and what became of it.
Outcomes = Mapping[int, tuple[int | None, Verdict]]
Handler = Callable[[Session, Rows, datetime], Outcomes]
# Of a row and what became of it, the columns that say so.
Marks = Callable[[Mapping[str, Any], int | None, Verdict, datetime], dict[str, Any]]


# Whoever stands before a row and is not done.
FIRST = """
SELECT FROM {inbox.table} earlier WHERE earlier.status = '{inbox.pending}'
   AND earlier.{inbox.kin} = {inbox.table}.{inbox.kin} AND earlier.id < {inbox.table}.id
"""


@dataclass(frozen=True, slots=True)
class Inbox:
    """A table of rows that say work has come in, and the function that acts on a batch of them.

    A batch is up to `batch` rows, the longest due first, and with them up to as many that share their
    `kin`: what belongs together is decided together, and two workers do not wait for each other.
    `known` is the condition of a row that this version can handle; where kin goes `in_turn`, each takes effect
    after those of a lower id, whatever these wait for. `parked` is what else is set where one failed `too_often`.
    `told` hears what became of a batch once that is committed.
    """

    model: type[DeclarativeBase]
    pending: str
    columns: str
    kin: str
    batch: int
    handle: Handler
    mark: Marks
    known: str = "TRUE"
    in_turn: bool = False
    parked: str = ""
    told: Callable[[Iterable[Verdict]], None] | None = None

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)

    @property
    def due(self) -> str:
        """The condition of a row that is due, and whose turn it is."""
        due = f"status = '{self.pending}' AND due_at <= %(at)s AND {self.known}"
        return f"{due} AND NOT EXISTS ({FIRST.format(inbox=self)})" if self.in_turn else due


def drain_batch(inbox: Inbox, engine: Engine) -> int:
    """Handle up to a batch of due rows; return how many were handled: a handler may leave some for the next batch."""
    at, rows = clock.now(), Rows()
    try:
        with transaction(engine) as session:
            rows = _claim(session, inbox, at)
            verdicts = _handle(session, inbox, rows, at)
        _tell(inbox, verdicts)
        return len(verdicts)
    except Exception as error:
        if not rows:
            raise
        log.warning("inbox.batch_failed", table=inbox.table, rows=len(rows), error=describe(error))
        _drain_each(inbox, engine, rows)
    return len(rows)


def _drain_each(inbox: Inbox, engine: Engine, rows: Rows) -> None:
    """Handle rows one by one; what is in the way of several is in the way of all, and the rest stays due."""
    hindered = 0
    for row in rows:
        hindered += drain_row(inbox, engine, row["id"])
        if hindered == MOST_HINDERED:
            return


def drain_row(inbox: Inbox, engine: Engine, row_id: int, *, counted: bool = False) -> bool:
    """Handle one row on its own; return whether something that passes was in its way.

    A failure of the row's own counts an attempt, unless it was counted before; what passes counts none.
    """
    at = clock.now()
    with structlog.contextvars.bound_contextvars(table=inbox.table, row=row_id):
        try:
            with transaction(engine) as session:
                rows = fetch(session, _select(inbox, f"id = %(id)s AND {inbox.due}", 1), id=row_id, at=at)
                verdicts = _handle(session, inbox, rows, at)
            _tell(inbox, verdicts)
        except Exception as error:
            log.exception("inbox.row_failed")
            passing = _is_passing(error)
            _failed(inbox, engine, row_id, error, counts=int(not passing) - int(counted))
            return passing
    return False


def drain_suspect(inbox: Inbox, engine: Engine) -> bool:
    """Handle one row that may have killed a process, its attempt counted first; return whether there was one."""
    at = clock.now()
    suspect = _select(inbox, f"{inbox.due} AND sweeps >= {SUSPECT_SWEEPS}", 1)
    with transaction(engine) as session:
        rows = fetch(session, suspect, at=at)
        if not rows:
            return False
        row_id, attempts = rows[0]["id"], rows[0]["attempts"] + 1
        if attempts > MAX_ATTEMPTS:
            update(session, inbox.model, [inbox.mark(rows[0], None, _worker_lost(attempts - 1), at)])
        else:
            # It stays due: whoever dies with it leaves it where it was, one attempt older.
            update(session, inbox.model, [{"id": row_id, "attempts": attempts}])
    if attempts <= MAX_ATTEMPTS:
        drain_row(inbox, engine, row_id, counted=True)
    return True


def _worker_lost(attempts: int) -> Parked:
    return Parked("worker_lost", f"the process that handled it died {attempts} times; look for its cause, then replay")


def _select(inbox: Inbox, where: str, limit: int, order: str = "ORDER BY due_at, id") -> str:
    return (
        f"SELECT {inbox.columns} FROM {inbox.table} WHERE {where}"  # noqa: S608 - our own names
        f" {order} LIMIT {limit} FOR UPDATE SKIP LOCKED"
    )


# The sum hides the time from the planner: of a table that was never analyzed it would read the whole
# backlog by it, for every batch.
RELATIVES = f"""
status = '{{inbox.pending}}' AND due_at + interval '0' <= %(at)s AND sweeps < {SUSPECT_SWEEPS}
AND {{inbox.kin}} = ANY(%(kin)s) AND id <> ALL(%(ids)s) AND {{inbox.known}}
"""
QUEUE = """
SELECT {inbox.kin} AS kin, id FROM {inbox.table}
 WHERE status = '{inbox.pending}' AND {inbox.kin} = ANY(%(kin)s) AND id <= %(last)s ORDER BY id
"""


def _claim(session: Session, inbox: Inbox, at: datetime) -> Rows:
    rows = fetch(session, _select(inbox, f"{inbox.due} AND sweeps < {SUSPECT_SWEEPS}", inbox.batch), at=at)
    kin = {row[inbox.kin] for row in rows} - {None}
    if not kin:
        return rows
    ids = [row["id"] for row in rows]
    relatives = _select(inbox, RELATIVES.format(inbox=inbox), inbox.batch, order=f"ORDER BY {inbox.kin}, id")
    found = fetch(session, relatives, at=at, kin=list(kin), ids=ids)
    return rows + (_in_turn(session, inbox, rows, found) if found and inbox.in_turn else found)


def _in_turn(session: Session, inbox: Inbox, rows: Rows, found: Rows) -> Rows:
    """Return those of some kin before whom none is left out: not due, not known, or held by somebody."""
    claimed = {row["id"] for row in rows + found}
    waiting, late = set[object](), set[int]()
    values = {"kin": [row[inbox.kin] for row in found], "last": max(row["id"] for row in found)}
    for row in fetch(session, QUEUE.format(inbox=inbox), **values):
        if row["id"] not in claimed:
            waiting.add(row["kin"])
        elif row["kin"] in waiting:
            late.add(row["id"])
    return [row for row in found if row["id"] not in late]


def _handle(session: Session, inbox: Inbox, rows: Rows, at: datetime) -> Outcomes:
    """Let the handler act on rows, and mark them; return what became of each."""
    if not rows:
        return {}
    outcomes = inbox.handle(session, rows, at)
    handled = [row for row in rows if row["id"] in outcomes]
    update(session, inbox.model, [inbox.mark(row, *outcomes[row["id"]], at) for row in handled])
    return outcomes


def _tell(inbox: Inbox, outcomes: Outcomes) -> None:
    """Log, once it is committed, what a person may have to look at."""
    for row, (organization, verdict) in outcomes.items():
        if isinstance(verdict, Parked | Quarantined):
            names = {"table": inbox.table, "row": row, "organization": organization, "code": verdict.code}
            log.warning("inbox.parked", **names)
    if inbox.told:
        inbox.told(verdict for _, verdict in outcomes.values())
    if outcomes:
        log.debug("inbox.drained", table=inbox.table, rows=len(outcomes))


def _is_passing(error: Exception) -> bool:
    """Say whether the database was away, or another transaction in the way: no fault of the row.

    A statement that ran into its own time limit is.
    """
    away = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction, OperationalError, PoolTimeout)
    return isinstance(error, away) and not isinstance(error, psycopg.errors.QueryCanceled)


TOO_OFTEN = f"%(counts)s > 0 AND attempts + %(counts)s >= {MAX_ATTEMPTS}"
FAILED = f"""
UPDATE {{inbox.table}}
   SET attempts = attempts + %(counts)s, last_error = %(error)s, error_code = 'failed', sweeps = 0,
       due_at = %(at)s + make_interval(secs => 2 ^ least(attempts + %(counts)s, 12)),
       status = CASE WHEN {TOO_OFTEN} THEN '{Parked.status}' ELSE status END,
       finished_at = CASE WHEN {TOO_OFTEN} THEN %(at)s::timestamptz END {{also}}
 WHERE id = %(id)s AND status = '{{inbox.pending}}'
"""  # noqa: S608 - our own names


def _failed(inbox: Inbox, engine: Engine, row_id: int, error: Exception, *, counts: int) -> None:
    """Keep a failure on its row: tried again after a doubling delay, parked after the last attempt.

    `counts` is what it adds to the attempts: less than nothing where one was counted that was none.
    """
    also = f", {inbox.parked.format(too_often=TOO_OFTEN)}" if inbox.parked else ""
    values = {"id": row_id, "at": clock.now(), "counts": counts, "error": describe(error)}
    with transaction(engine) as session:
        fetch(session, FAILED.format(inbox=inbox, also=also), **values)
