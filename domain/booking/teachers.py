"""Teachers as a batch meets them: locked, so that two who ask for the same one take turns; then their hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session as Transaction

from db.models.class_session import MAX_MINUTES
from db.transaction import fetch
from domain.booking.command import Schedule
from domain.booking.state import Busy, Student, Teacher
from domain.calendar.teacher import Hours

# No draft is of more minutes than a session may have.
LONGEST = timedelta(minutes=MAX_MINUTES)

# Of an organization those who are named, or all of them where somebody asks for any.
LOCK = """
SELECT id FROM teachers
 WHERE active AND (id = ANY(%(named)s) OR organization_id = ANY(%(anyone)s)) ORDER BY id FOR NO KEY UPDATE
"""

READ = """
SELECT t.id, t.organization_id, t.tier,
       (SELECT jsonb_agg(jsonb_build_array(a.weekday, a.on_date, a.opens, a.closes) ORDER BY a.id)
          FROM teacher_availability a WHERE a.teacher_id = t.id) AS hours,
       (SELECT jsonb_agg(jsonb_build_array(c.start_at, c.end_at, c.id)) FROM class_sessions c
         WHERE int8range(c.teacher_id, c.teacher_id, '[]') && int8range(t.id, t.id, '[]')
           AND tstzrange(c.start_at, c.end_at) && tstzrange(%(first)s, %(last)s, '[]')
           AND c.status = 'SCHEDULED' AND c.teacher_id IS NOT NULL) AS busy
  FROM teachers t WHERE t.id = ANY(%(ids)s) AND t.active ORDER BY t.id
"""


def read_teachers(
    session: Transaction, commands: Sequence[Schedule], students: Mapping[int, Student]
) -> dict[int, list[Teacher]]:
    """Lock and read the teachers whom commands ask for, by organization; `busy` is around the times that are asked."""
    starts = [command.start_at for command in commands if command.start_at]
    if not starts:
        return {}
    named = [command.teacher_id for command in commands if command.teacher_id]
    anyone = {students[c.student_id].organization_id for c in commands if c.start_at and not c.teacher_id}
    ids = [row["id"] for row in fetch(session, LOCK, named=named, anyone=list(anyone))]
    found: dict[int, list[Teacher]] = {}
    for row in fetch(session, READ, ids=ids, first=min(starts), last=max(starts) + LONGEST):
        found.setdefault(row["organization_id"], []).append(_teacher(row))
    return found


def _teacher(row: Mapping[str, Any]) -> Teacher:
    busy = [Busy(_instant(start_at), _instant(end_at), session) for start_at, end_at, session in row["busy"] or ()]
    return Teacher(row["id"], row["tier"], tuple(_hours(row["hours"] or ())), busy)


def _hours(rows: Iterable[Sequence[Any]]) -> Iterable[Hours]:
    for weekday, on_date, opens, closes in rows:
        yield Hours(weekday, _date(on_date), _time(opens), _time(closes))


def _instant(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _date(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


def _time(said: str | None) -> time | None:
    return time.fromisoformat(said) if said else None
