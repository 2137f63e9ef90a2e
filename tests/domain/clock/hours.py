"""What the tests of the clock share: addresses, offsets, what was written, and what side by side runs do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Engine

from tests.timetable import Timetable
from worker import clock

Task = Callable[..., int]


def addressed(timetable: Timetable) -> None:
    """Give every student an address."""
    timetable.studio.rows("UPDATE students SET email = external_id || '@example.com' WHERE email IS NULL")


def offsets(timetable: Timetable, *minutes: int, org: str = "lumen") -> None:
    timetable.studio.rows(
        "UPDATE organizations SET reminder_offsets_minutes = %(minutes)s WHERE slug = %(org)s",
        minutes=list(minutes),
        org=org,
    )


def run(task: Task, timetable: Timetable) -> int:
    """Do a task's work at this moment."""
    return task(timetable.engine, at=clock.now())


def written(timetable: Timetable, kind: str) -> list[str]:
    """Return the keys of the mails of a kind, in the order in which they were written."""
    rows = timetable.studio.rows("SELECT dedupe_key FROM notifications WHERE kind = %(kind)s ORDER BY id", kind=kind)
    return [row["dedupe_key"] for row in rows]


def events(timetable: Timetable, kind: str) -> list[str]:
    """Return the subjects of the events of a type; of every student they are numbered without a gap."""
    rows = timetable.studio.rows("SELECT student_id, sequence FROM domain_events WHERE student_id IS NOT NULL")
    for student in {row["student_id"] for row in rows}:
        numbers = sorted(row["sequence"] for row in rows if row["student_id"] == student)
        assert numbers == list(range(1, len(numbers) + 1))
    said = timetable.studio.rows("SELECT subject FROM domain_events WHERE type = %(kind)s ORDER BY id", kind=kind)
    return [row["subject"] for row in said]


def side_by_side(task: Task, engine: Engine, at: datetime, *, workers: int = 4) -> int:
    """Do a task's work several times at once; return what they did together."""
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(lambda _: task(engine, at=at), range(workers)))
