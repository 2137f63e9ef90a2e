"""What the clock costs among a million: passes that end, beside one bare statement; reminders among few and many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from statistics import median

from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, event

from cli.bench.clock_rows import BARE, DUE, fill_bookings, fill_passes, forget_reminders, written
from cli.bench.machine import between, snapshot
from cli.bench.measure import Report, Say, Target
from cli.bench.rig import Rig, connect
from cli.demo import seed
from db import schema
from db.connection import BY_INDEX, build_engine
from worker import clock as now
from worker.upkeep import expire_passes, remind

EXPIRY = Target("passes expired/s ÷ one bare statement", 0.5, 0.9)
LONGEST = Target("the longest batch ÷ the whole", 0.05, 0.02)
REMINDERS = Target("due reminders found among many bookings ÷ among few", 2.0, 1.2)
PASSES, FEW, MANY = 1_000_000, 10_000, 1_000_000
LOOKS, WARM_UPS = 15, 3


def clock(here: Rig, sizes: Mapping[str, int], *, rounds: int, say: Say) -> Report:
    """Measure in rounds: each ends all passes twice, our way and the bare one, and looks for reminders in turn.

    `sizes` are how many `passes` end, and the bookings that are `few` and `many`.
    """
    report, at = Report((EXPIRY, LONGEST, REMINDERS)), now.now()
    say(f"filling in {sizes['passes']} passes, {sizes['few']} and {sizes['many']} bookings")
    _fill(here, sizes, at)
    for place in range(rounds):
        before = snapshot()
        figures = _end_passes(here, sizes["passes"], at) | _find_reminders(here, at)
        kept = report.add(figures, [between(before, snapshot(here.postgres.process.pid)).others])
        say(f"round {place + 1}: {figures}" + ("" if kept else "; disturbed by others: not counted"))
    return report


def _fill(here: Rig, sizes: Mapping[str, int], at: datetime) -> None:
    with connect(here.database_url()) as connection:
        for name in sizes:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    for name, size in sizes.items():
        schema.upgrade(here.database_url(name))
        seed(here.database_url(name))
        with connect(here.database_url(name)) as connection:
            fill = fill_passes if name == "passes" else fill_bookings
            fill(connection, size, at=at)
            connection.execute("VACUUM ANALYZE")


@contextmanager
def _copy(here: Rig, name: str, of: str) -> Iterator[str]:
    """Give a copy of a database for a block, with nothing left to be written of either."""
    with connect(here.database_url()) as connection:
        made = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(Identifier(name), Identifier(of))
        connection.execute(made)
        connection.execute("CHECKPOINT")
        yield here.database_url(name)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def worker_engine(url: str) -> Iterator[Engine]:
    """Give a worker's connections for a block."""
    engine = build_engine(url, name="bench", size=1, planner=BY_INDEX)
    try:
        yield engine
    finally:
        engine.dispose()


def _end_passes(here: Rig, passes: int, at: datetime) -> dict[str, float]:
    with _copy(here, "bare_clock", "passes") as url:
        bare = end_bare(url, passes, at=at)
    with _copy(here, "our_clock", "passes") as url, worker_engine(url) as engine:
        batches = end_ours(engine, passes, at=at)
    ours = sum(batches)
    rates = {"bare, passes/s": passes / bare, "ours, passes/s": passes / ours, "batches": float(len(batches))}
    return {EXPIRY.name: bare / ours, LONGEST.name: max(batches) / ours} | rates


def end_bare(url: str, passes: int, *, at: datetime) -> float:
    """End all passes by one statement; return the seconds it took."""
    with connect(url) as connection:
        seconds = _timed(lambda: connection.execute(BARE, {"at": at}))
        _check(written(connection, "pass.expired"), passes)
    return seconds


def end_ours(engine: Engine, passes: int, *, at: datetime) -> list[float]:
    """End all passes as the worker does; return the seconds that each of its transactions took."""
    begun: list[float] = []
    event.listen(engine, "begin", lambda _: begun.append(time.perf_counter()))
    expired = expire_passes(engine, at=at)
    begun.append(time.perf_counter())
    _check(expired, passes)
    return [after - before for before, after in pairwise(begun)]


def _find_reminders(here: Rig, at: datetime) -> dict[str, float]:
    """Return the median seconds of a look among few and among many, taken in turn."""
    taken: dict[str, list[float]] = {"few": [], "many": []}
    with worker_engine(here.database_url("few")) as few, worker_engine(here.database_url("many")) as many:
        for _ in range(WARM_UPS + LOOKS):
            for name, engine in {"few": few, "many": many}.items():
                taken[name].append(look(here.database_url(name), engine, at=at))
    among = {name: median(seconds[WARM_UPS:]) for name, seconds in taken.items()}
    told = {f"among {name}, ms": seconds * 1e3 for name, seconds in among.items()}
    return {REMINDERS.name: among["many"] / among["few"]} | told


def look(url: str, engine: Engine, *, at: datetime) -> float:
    """Look for reminders as a worker does that looked a minute ago; return the seconds it took.

    They are forgotten first, so that as many are due each time.
    """
    with connect(url) as connection:
        forget_reminders(connection, at=at)
    found: list[int] = []
    seconds = _timed(lambda: found.append(remind(engine, at=at)))
    _check(found[0], DUE)
    return seconds


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _check(done: int, expected: int) -> None:
    if done != expected:
        raise RuntimeError(f"{done} were done of {expected}")
