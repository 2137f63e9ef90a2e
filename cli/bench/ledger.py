"""Whether a balance costs the same however long the ledger is: the sum over one allowance, among few lines and many."""

from __future__ import annotations

import random
import time
from statistics import median

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from cli.bench.machine import between, snapshot
from cli.bench.measure import Report, Say, Target
from cli.bench.rig import Rig, connect
from worker import clock

FEW, MANY = 100_000, 10_000_000
LINES_PER_ALLOWANCE = 10
WARM_UPS, LOOK_UPS = 1_000, 3_000
TARGETS = (Target("ten million lines ÷ a hundred thousand", 1.2, 1.2),)

# Tables like the ledger, with its indexes and without its foreign keys: the lines are nobody's, and only their
# number matters. In one database, so that the same server process answers for both.
TABLES = {FEW: SQL("short_ledger"), MANY: SQL("long_ledger")}
CREATE = SQL("CREATE TABLE {} (LIKE package_uses INCLUDING ALL)")
FILL = SQL("""
INSERT INTO {} (organization_id, allowance_id, kind, credits, created_at)
SELECT 1, n / %(each)s, 'SPEND', 1, %(at)s FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
""")
BALANCE = SQL("SELECT coalesce(sum(credits), 0) FROM {} WHERE allowance_id = %(allowance)s")


def ledger(here: Rig, *, rounds: int, say: Say) -> Report:
    """Measure look-ups among few lines and among many, in turn."""
    report = Report(TARGETS)
    with connect(here.database_url("bare")) as connection:
        say(f"filling ledgers of {FEW} and {MANY} lines")
        for lines in TABLES:
            _fill(connection, lines)
        for place in range(rounds):
            before = snapshot()
            short, long = _look_up(connection)
            figures = {TARGETS[0].name: long / short, "few, µs": short * 1e6, "many, µs": long * 1e6}
            kept = report.add(figures, [between(before, snapshot(here.postgres.process.pid)).others])
            say(f"round {place + 1}: {figures}" + ("" if kept else "; disturbed by others: not counted"))
    return report


def _fill(connection: psycopg.Connection[TupleRow], lines: int) -> None:
    connection.execute(CREATE.format(TABLES[lines]))
    step = min(lines, 1_000_000)
    for first in range(0, lines, step):
        values = {"each": LINES_PER_ALLOWANCE, "at": clock.now(), "first": first, "last": first + step - 1}
        connection.execute(FILL.format(TABLES[lines]), values)
    connection.execute(SQL("VACUUM ANALYZE {}").format(TABLES[lines]))


def _look_up(connection: psycopg.Connection[TupleRow]) -> tuple[float, float]:
    """Return the median seconds of a look-up in each, taken in turn, over allowances all across the ledgers."""
    chosen = random.Random(MANY)  # noqa: S311 - repeatable
    statements = {lines: BALANCE.format(table) for lines, table in TABLES.items()}
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    for _ in range(WARM_UPS + LOOK_UPS):
        for lines, statement in statements.items():
            allowance = chosen.randrange(lines // LINES_PER_ALLOWANCE)
            began = time.perf_counter()
            row = connection.execute(statement, {"allowance": allowance}, prepare=True).fetchone()
            taken[lines].append(time.perf_counter() - began)
            if row is None or row[0] != LINES_PER_ALLOWANCE:
                raise RuntimeError(f"allowance {allowance} has a balance of {row}")
    return median(taken[FEW][WARM_UPS:]), median(taken[MANY][WARM_UPS:])
