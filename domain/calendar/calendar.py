"""What takes place and what is free: sessions with their places and seats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, SelectBase, func, select, true
from sqlalchemy.orm import Session

from db.models import Booking, ClassSession, GroupClass, Seat, ServiceType, SessionStatus, Teacher
from domain.course.marks import CourseMark, marks
from domain.listing import TimedPart, earliest_first

# What everybody may book: it takes place, and was not made for one student.
OFFERED = (ClassSession.status == SessionStatus.SCHEDULED, ~ClassSession.arranged)


@dataclass(frozen=True, slots=True)
class CalendarSeat:
    """A seat of one session; those that are out of order are not shown."""

    id: int
    label: str
    credit_cost: int
    taken: bool


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A session; `teacher_tier` is 0 where nobody is named yet, `seats` None without seats.

    `course_steps` are the steps of published courses that its class serves, where they were looked up; None for none.
    """

    id: int
    group_class_id: int
    group_class_code: str
    group_class_name: str
    is_workshop: bool
    service_type: ServiceType
    status: SessionStatus
    start_at: datetime
    end_at: datetime
    capacity: int
    taken: int
    teacher_id: int | None
    teacher_name: str | None
    teacher_tier: int
    arranged: bool = False
    cancel_reason: str | None = None
    seats: tuple[CalendarSeat, ...] | None = None
    course_steps: tuple[CourseMark, ...] | None = None

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return int((self.end_at - self.start_at).total_seconds()) // 60

    @property
    def spots_available(self) -> int:
        """How many more may come: as many as there are places, and where there are seats, free ones of those."""
        places = max(self.capacity - self.taken, 0)
        return places if self.seats is None else min(places, sum(not seat.taken for seat in self.seats))

    @property
    def seat_cost(self) -> int | None:
        """Return the credits of the cheapest free seat, else of the cheapest; None without seats."""
        seats = self.seats or ()
        return min((seat.credit_cost for seat in seats if not seat.taken), default=None) or min(
            (seat.credit_cost for seat in seats), default=None
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Which sessions: those that start in [since, until), of one service if it is named."""

    since: datetime
    until: datetime
    service_type: ServiceType | None = None


def calendar(session: Session, organization_id: int, span: Span, part: TimedPart) -> list[CalendarRow]:
    """Return the sessions on offer, in the order of their starts; four statements however many they are."""
    takes_place = during(organization_id, span).where(*OFFERED)
    return _marked(session, rows(session, earliest_first(takes_place, ClassSession.start_at, ClassSession.id, part)))


def find(session: Session, organization_id: int, session_id: int) -> CalendarRow | None:
    """Return a session on offer; None if the organization has no such session."""
    found = one(session, organization_id, session_id)
    offered = found and found.status is SessionStatus.SCHEDULED and not found.arranged
    return _marked(session, [found])[0] if found and offered else None


def next_of(class_ids: Iterable[int], most: int, *, until: datetime | None = None, at: datetime) -> Select[tuple[int]]:
    """Return the statement of the ids of each class's next sessions on offer, so many at most, all before `until`."""
    ahead = (*OFFERED, ClassSession.start_at > at, *([] if until is None else [ClassSession.start_at < until]))
    of_class = select(ClassSession.id).where(ClassSession.group_class_id == GroupClass.id, *ahead)
    first = of_class.order_by(ClassSession.start_at, ClassSession.id).limit(most).lateral()
    return select(first.c.id).select_from(GroupClass).join(first, true()).where(GroupClass.id.in_(set(class_ids)))


def of_ids(session: Session, ids: SelectBase) -> list[CalendarRow]:
    """Return the sessions whose ids a statement returns, in the order of their starts, with three statements."""
    wanted = sessions().where(ClassSession.id.in_(ids))
    return rows(session, wanted.order_by(ClassSession.start_at, ClassSession.id))


def by_class(found: Iterable[CalendarRow]) -> defaultdict[int, list[CalendarRow]]:
    """Return sessions by their classes, in the order in which they come."""
    grouped: defaultdict[int, list[CalendarRow]] = defaultdict(list)
    for row in found:
        grouped[row.group_class_id].append(row)
    return grouped


def one(session: Session, organization_id: int, session_id: int) -> CalendarRow | None:
    """Return a session, whether it takes place or not; None if the organization has no such session."""
    own = sessions().where(ClassSession.organization_id == organization_id, ClassSession.id == session_id)
    return next(iter(rows(session, own)), None)


def during(organization_id: int, span: Span) -> Select[Any]:
    """Return the statement of an organization's sessions in a span, whether they take place or not."""
    own = sessions().where(
        ClassSession.organization_id == organization_id,
        ClassSession.start_at >= span.since,
        ClassSession.start_at < span.until,
    )
    return own if span.service_type is None else own.where(ClassSession.service_type == span.service_type)


def rows(session: Session, statement: Select[Any]) -> list[CalendarRow]:
    """Return the rows of a statement of `sessions` with their seats."""
    found = [CalendarRow(**row) for row in session.execute(statement).mappings()]
    seats = _seats(session, {row.group_class_id for row in found})
    taken = _taken(session, [row.id for row in found if row.group_class_id in seats])
    return [
        replace(row, seats=tuple(_seats_of(row, seats[row.group_class_id], taken)))
        if row.group_class_id in seats
        else row
        for row in found
    ]


def sessions() -> Select[Any]:
    """Return the statement of all sessions, in the columns of `CalendarRow`."""
    taken = select(func.count()).where(Booking.session_id == ClassSession.id, Booking.place.is_not(None))
    return (
        select(
            ClassSession.id,
            ClassSession.group_class_id,
            GroupClass.code.label("group_class_code"),
            GroupClass.name.label("group_class_name"),
            GroupClass.is_workshop,
            ClassSession.service_type,
            ClassSession.status,
            ClassSession.start_at,
            ClassSession.end_at,
            ClassSession.capacity,
            taken.scalar_subquery().label("taken"),
            ClassSession.teacher_id,
            Teacher.name.label("teacher_name"),
            func.coalesce(Teacher.tier, 0).label("teacher_tier"),
            ClassSession.arranged,
            ClassSession.cancel_reason,
        )
        .join(GroupClass, GroupClass.id == ClassSession.group_class_id)
        .outerjoin(Teacher, Teacher.id == ClassSession.teacher_id)
    )


def _marked(session: Session, found: Sequence[CalendarRow]) -> list[CalendarRow]:
    """Return sessions with the steps of courses that they serve."""
    served = marks(session, {row.group_class_id for row in found})
    return [replace(row, course_steps=served.get(row.group_class_id)) for row in found]


def _seats(session: Session, classes: set[int]) -> dict[int, list[Seat]]:
    """Return the seats in order of each of the classes that has any."""
    usable = select(Seat).where(Seat.group_class_id.in_(classes), Seat.active).order_by(Seat.position, Seat.id)
    found: dict[int, list[Seat]] = {}
    for seat in session.scalars(usable):
        found.setdefault(seat.group_class_id, []).append(seat)
    return found


def _taken(session: Session, session_ids: Sequence[int]) -> set[tuple[int | None, int | None]]:
    """Return which seat is taken in which session."""
    if not session_ids:
        return set()
    taken = select(Booking.session_id, Booking.seat_id).where(
        Booking.session_id.in_(session_ids), Booking.place.is_not(None), Booking.seat_id.is_not(None)
    )
    return set(session.execute(taken).tuples())


def _seats_of(
    row: CalendarRow, seats: Sequence[Seat], taken: set[tuple[int | None, int | None]]
) -> Iterator[CalendarSeat]:
    for seat in seats:
        yield CalendarSeat(seat.id, seat.label, seat.credit_cost, (row.id, seat.id) in taken)
