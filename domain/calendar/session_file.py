"""A document's sessions, made true: existing ones are found by class and start, with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db import bulk
from db.models import ClassSession, SessionStatus, Teacher
from domain.calendar.class_session import START_TWICE, TEACHER_TWICE, make_room
from domain.calendar.entries import SessionEntry
from domain.calendar.wanted_session import LONGEST, Calendar, Key, Wanted, read
from domain.catalog.changes import Changes
from domain.constraint import told
from domain.errors import InvalidCatalog
from domain.waitlist.calling import call_for


@dataclass(frozen=True, slots=True)
class Standing:
    """A session that exists."""

    id: int
    group_class_id: int
    start_at: datetime
    end_at: datetime
    teacher_id: int | None
    capacity: int
    status: SessionStatus

    def differs(self, wanted: Wanted) -> bool:
        """Say whether the document wants another capacity or teacher; what was called off stays as it is."""
        capacity = wanted.capacity or self.capacity
        teacher_id = wanted.teacher.id if wanted.teacher else self.teacher_id
        is_same = (capacity, teacher_id) == (self.capacity, self.teacher_id)
        return self.status is SessionStatus.SCHEDULED and not is_same


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """A time that a teacher gives a session, and where the document says so if it does."""

    teacher_id: int
    start_at: datetime
    end_at: datetime
    where: str = ""


def apply(
    session: Session, calendar: Calendar, entries: Sequence[SessionEntry], changes: Changes, *, at: datetime
) -> None:
    """Create the sessions of a document that do not exist, and change capacity and teacher of those that do.

    Raises:
        InvalidCatalog: the field, and why it is impossible.

    """
    wanted = read(calendar, entries)
    standing = _standing(session, calendar.organization.id, wanted.values())
    _check_ends(wanted, standing)
    new = {key: _new(calendar, each, at) for key, each in wanted.items() if key not in standing}
    changed = {row.id: wanted[key] for key, row in standing.items() if key in wanted and row.differs(wanted[key])}
    _check_teachers(calendar, _busy(wanted, standing, new))
    slug = calendar.organization.slug
    meanwhile = InvalidCatalog(f"{slug}.sessions: somebody changed them meanwhile; apply the file again")
    with told(session, {TEACHER_TWICE: meanwhile, START_TWICE: meanwhile}):
        _change(session, changed, at=at)
        bulk.insert(session, ClassSession, list(new.values()))
    for rows, is_new in ((new, True), (changed, False)):
        if rows:
            changes.note(f"{slug}/sessions ({len(rows)})", is_new=is_new)


def _standing(session: Session, organization_id: int, wanted: Iterable[Wanted]) -> dict[Key, Standing]:
    """Return what the organization has around the sessions that are wanted; what takes place hides what does not."""
    starts = [each.start_at for each in wanted]
    if not starts:
        return {}
    columns = [getattr(ClassSession, column.name) for column in fields(Standing)]
    around = select(*columns).where(
        ClassSession.organization_id == organization_id,
        ClassSession.start_at.between(min(starts) - LONGEST, max(starts) + LONGEST),
    )
    # CANCELLED comes before SCHEDULED.
    rows = (Standing(*row) for row in session.execute(around.order_by(ClassSession.status)))
    return {(row.group_class_id, row.start_at): row for row in rows}


def _check_ends(wanted: Mapping[Key, Wanted], standing: Mapping[Key, Standing]) -> None:
    for key, said in wanted.items():
        row = standing.get(key)
        if row and row.status is SessionStatus.SCHEDULED and said.end_at not in {None, row.end_at}:
            raise InvalidCatalog(f"{said.where}: the session exists and ends at another time; a file moves no sessions")


def _new(calendar: Calendar, wanted: Wanted, at: datetime) -> dict[str, Any]:
    """Return the row of a session that does not exist; what the document does not say, its class does."""
    kind = wanted.group_class
    teacher = wanted.teacher or calendar.teacher(kind.teacher_id)
    if not kind.active:
        raise InvalidCatalog(f"{wanted.where}.class: {kind.code} is not active")
    _check_active(wanted.where, teacher)
    return {
        "organization_id": calendar.organization.id,
        "group_class_id": kind.id,
        "teacher_id": teacher.id if teacher else None,
        "service_type": kind.service_type,
        "start_at": wanted.start_at,
        "end_at": wanted.end_at or wanted.start_at + timedelta(minutes=kind.minutes),
        "capacity": wanted.capacity or kind.capacity,
        "created_at": at,
    }


def _check_active(where: str, teacher: Teacher | None) -> None:
    if teacher and not teacher.active:
        raise InvalidCatalog(f"{where}.teacher: {teacher.code} is not active")


def _busy(
    wanted: Mapping[Key, Wanted], standing: Mapping[Key, Standing], new: Mapping[Key, Mapping[str, Any]]
) -> Iterator[Busy]:
    """Yield when teachers will be busy: with what stands, as the document wants it, and with what is new."""
    for key, row in standing.items():
        said = wanted.get(key)
        teacher_id = said.teacher.id if said and said.teacher else row.teacher_id
        if teacher_id and row.status is SessionStatus.SCHEDULED:
            yield Busy(teacher_id, row.start_at, row.end_at, said.where if said else "")
    for key, made in new.items():
        if made["teacher_id"]:
            yield Busy(made["teacher_id"], made["start_at"], made["end_at"], wanted[key].where)


def _check_teachers(calendar: Calendar, busy: Iterable[Busy]) -> None:
    for earlier, later in pairwise(sorted(busy)):
        where = later.where or earlier.where
        if earlier.teacher_id == later.teacher_id and earlier.end_at > later.start_at and where:
            teacher = calendar.teacher(later.teacher_id)
            times = f"{earlier.start_at.isoformat()} and {later.start_at.isoformat()}"
            raise InvalidCatalog(f"{where}.teacher: {teacher and teacher.code} has two sessions at once, at {times}")


def _change(session: Session, changed: Mapping[int, Wanted], *, at: datetime) -> None:
    """Give sessions the capacity and the teacher that are said, under their locks."""
    if not changed:
        return
    columns = (ClassSession.id, ClassSession.capacity, ClassSession.teacher_id)
    named = select(*columns).where(ClassSession.id.in_(changed)).order_by(ClassSession.id)
    rows = []
    for session_id, capacity, teacher_id in session.execute(named.with_for_update()):
        said = changed[session_id]
        given = said.teacher.id if said.teacher else teacher_id
        if given != teacher_id:
            _check_active(said.where, said.teacher)
        rows.append({"id": session_id, "capacity": said.capacity or capacity, "teacher_id": given})
    for session_id, taken in make_room(session, {row["id"]: row["capacity"] for row in rows}).items():
        raise InvalidCatalog(f"{changed[session_id].where}.capacity: {taken} places are taken already")
    # Two sessions may exchange their teachers, who are in one place at a time in between, too.
    session.execute(update(ClassSession).where(ClassSession.id.in_(changed)).values(teacher_id=None))
    bulk.update(session, ClassSession, rows)
    call_for(session, list(changed), at=at)
