"""Where a student waits, and waited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from db.models import ClassSession, GroupClass, Student, WaitlistEntry, WaitlistStatus
from domain.listing import Part, newest_first

LINE = (WaitlistStatus.WAITING, WaitlistStatus.SKIPPED)
# Of a line; more than anybody calls by hand.
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Wait:
    """A place in line as its student sees it; `position` counts from 1, and is None once they have left."""

    id: int
    session_id: int
    session_name: str
    start_at: datetime
    status: WaitlistStatus
    position: int | None
    joined_at: datetime
    auto_book_until: datetime | None
    booking_id: int | None
    reason: str | None


def waits(session: Session, organization_id: int, student_id: int, part: Part) -> list[Wait]:
    """Return a student's places in line, newest first, those that are over too."""
    own = (
        select(
            WaitlistEntry.id,
            WaitlistEntry.session_id,
            GroupClass.name.label("session_name"),
            ClassSession.start_at,
            WaitlistEntry.status,
            _position().label("position"),
            WaitlistEntry.joined_at,
            WaitlistEntry.auto_book_until,
            WaitlistEntry.booking_id,
            WaitlistEntry.reason,
        )
        .join(ClassSession, ClassSession.id == WaitlistEntry.session_id)
        .join(GroupClass, GroupClass.id == ClassSession.group_class_id)
        .where(WaitlistEntry.organization_id == organization_id, WaitlistEntry.student_id == student_id)
    )
    return [Wait(**row) for row in session.execute(newest_first(own, WaitlistEntry.id, part)).mappings()]


@dataclass(frozen=True, slots=True)
class LineEntry:
    """Somebody who waits, as staff see them; `student_id` is the frontend's own."""

    id: int
    student_id: str | None
    name: str | None
    status: WaitlistStatus
    joined_at: datetime
    auto_book_until: datetime | None
    reason: str | None


def line(session: Session, organization_id: int, session_id: int) -> list[LineEntry]:
    """Return who waits for a session, in turn; the first of a long line."""
    waiting = (
        select(
            WaitlistEntry.id,
            Student.external_id.label("student_id"),
            Student.name,
            WaitlistEntry.status,
            WaitlistEntry.joined_at,
            WaitlistEntry.auto_book_until,
            WaitlistEntry.reason,
        )
        .join(Student, Student.id == WaitlistEntry.student_id)
        .where(
            WaitlistEntry.organization_id == organization_id,
            WaitlistEntry.session_id == session_id,
            WaitlistEntry.status.in_(LINE),
        )
        .order_by(WaitlistEntry.id)
        .limit(MOST_SHOWN)
    )
    return [LineEntry(**row) for row in session.execute(waiting).mappings()]


def _position() -> ColumnElement[int | None]:
    """Return how many stand in line up to an entry that does."""
    ahead = aliased(WaitlistEntry)
    counted = (
        select(func.count())
        .where(ahead.session_id == WaitlistEntry.session_id, ahead.status.in_(LINE), ahead.id <= WaitlistEntry.id)
        .scalar_subquery()
    )
    return case((WaitlistEntry.status.in_(LINE), counted))
