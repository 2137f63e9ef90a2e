"""Dated sessions: made and changed by the studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ClassSession, GroupClass, SessionStatus
from db.transaction import fetch
from domain.calendar import group_class, teacher
from domain.constraint import told
from domain.errors import InvalidField, NotFound, SessionCancelled, TeacherUnavailable
from domain.waitlist.calling import call_for

# What the database calls a teacher in two places, and a class that starts twice at once.
TEACHER_TWICE = "ex_class_sessions_teacher"
START_TWICE = "uq_class_sessions_start"

WANTED = "unnest(%(ids)s::bigint[], %(capacities)s::bigint[]) AS wanted (id, capacity)"

CROWDED = f"""
SELECT b.session_id, count(*) AS taken
  FROM {WANTED} JOIN bookings b ON b.session_id = wanted.id AND b.place IS NOT NULL
 GROUP BY b.session_id, wanted.capacity HAVING count(*) > wanted.capacity
"""  # noqa: S608 - our own names

# From places above the capacity to free ones below it: no number is taken twice, not even in between. Who gives a
# place back locks no session: what is cancelled meanwhile gets no number any more.
RENUMBER = f"""
WITH high AS (
    SELECT b.id, b.session_id, wanted.capacity, row_number() OVER (PARTITION BY b.session_id ORDER BY b.place) AS n
      FROM {WANTED} JOIN bookings b ON b.session_id = wanted.id AND b.place > wanted.capacity
), free AS (
    SELECT each.session_id, number, row_number() OVER (PARTITION BY each.session_id ORDER BY number) AS n
      FROM (SELECT DISTINCT session_id, capacity FROM high) each, generate_series(1, each.capacity) AS number
     WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.session_id = each.session_id AND b.place = number)
)
UPDATE bookings SET place = free.number FROM high JOIN free USING (session_id, n)
 WHERE bookings.id = high.id AND bookings.place IS NOT NULL
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to make; None is what the class says. `teacher_id` counts where `names_teacher`, None being nobody."""

    class_id: int
    start_at: datetime
    minutes: int | None = None
    capacity: int | None = None
    teacher_id: int | None = None
    names_teacher: bool = False


def make_room(session: Session, capacities: Mapping[int, int]) -> dict[int, int]:
    """Prepare sessions, which the caller holds locked, for new capacities: nobody keeps a place above them.

    Args:
        session: Its transaction renumbers the places; the caller sets the capacities.
        capacities: The new capacity by session id.

    Returns:
        How many places are taken, by session id, where that is more than the new capacity; if there is any such
        session, nothing was renumbered and no capacity may be set.

    """
    values = {"ids": list(capacities), "capacities": list(capacities.values())}
    crowded = {row["session_id"]: row["taken"] for row in fetch(session, CROWDED, **values)}
    if not crowded:
        fetch(session, RENUMBER, **values)
    return crowded


def create(session: Session, organization_id: int, wanted: NewSession, *, at: datetime) -> ClassSession:
    """Make a session of a class.

    Raises:
        NotFound: the organization has no such class or teacher.
        InvalidField: the class or the teacher is not active, or the class has a session at that start.
        TeacherUnavailable: the teacher has another session at that time.

    """
    kind = group_class.find(session, organization_id, wanted.class_id)
    if not kind.active:
        raise InvalidField("class_id", "Choose a class that is active.")
    row = ClassSession(
        organization_id=organization_id,
        group_class_id=kind.id,
        teacher_id=wanted.teacher_id if wanted.names_teacher else kind.teacher_id,
        service_type=kind.service_type,
        start_at=wanted.start_at,
        end_at=wanted.start_at + timedelta(minutes=wanted.minutes or kind.minutes),
        capacity=wanted.capacity or kind.capacity,
        created_at=at,
    )
    _hold_teacher(session, organization_id, row.teacher_id)
    with told(session, {TEACHER_TWICE: _unavailable(), START_TWICE: _started(kind)}):
        session.add(row)
    return row


def change(
    session: Session, organization_id: int, session_id: int, values: Mapping[str, Any], *, at: datetime
) -> ClassSession:
    """Change the capacity or the teacher of a session, whichever is named; new places are offered to those who wait.

    Raises:
        NotFound: the organization has no such session or teacher.
        InvalidField: more places are taken than it would have, or the teacher is not active.
        SessionCancelled: it does not take place.
        TeacherUnavailable: the teacher has another session at that time.

    """
    _hold_teacher(session, organization_id, values.get("teacher_id"))
    row = _held(session, organization_id, session_id)
    check_arranged(values, is_arranged=row.arranged)
    if "capacity" in values and (crowded := make_room(session, {row.id: values["capacity"]})):
        raise InvalidField("capacity", f"Choose at least {crowded[row.id]}: so many places are taken.")
    with told(session, {TEACHER_TWICE: _unavailable()}):
        for key, value in values.items():
            setattr(row, key, value)
    if "capacity" in values:
        call_for(session, [row.id], at=at)
    return row


def check_arranged(values: Mapping[str, Any], *, is_arranged: bool) -> None:
    """Refuse other places than one, or nobody to teach, of a session that was made for one student.

    Raises:
        InvalidField: `capacity` or `teacher_id`.

    """
    if is_arranged and values.get("capacity", 1) != 1:
        raise InvalidField("capacity", "Leave it at 1: the session was made for one student.")
    if is_arranged and values.get("teacher_id", 1) is None:
        raise InvalidField("teacher_id", "Name a teacher: the session was made for one student.")


def _held(session: Session, organization_id: int, session_id: int) -> ClassSession:
    """Return a session, locked so that nobody gets a place in it meanwhile."""
    own = select(ClassSession).where(ClassSession.organization_id == organization_id, ClassSession.id == session_id)
    row = session.scalar(own.with_for_update())
    if row is None:
        raise NotFound("There is no session of this id.")
    if row.status is SessionStatus.CANCELLED:
        raise SessionCancelled("The session was called off: make a new one.")
    return row


def _hold_teacher(session: Session, organization_id: int, teacher_id: int | None) -> None:
    """Lock the teacher before any session: who plans with the same one waits, instead of for each other."""
    if teacher_id is not None and not teacher.held(session, organization_id, teacher_id).active:
        raise InvalidField("teacher_id", "Choose a teacher who is active.")


def _unavailable() -> TeacherUnavailable:
    return TeacherUnavailable("Choose another teacher or time: this one has a session then.")


def _started(kind: GroupClass) -> InvalidField:
    return InvalidField("start_at", f"Choose another time: {kind.code} has a session that starts then.")
