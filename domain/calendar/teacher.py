"""Who teaches, and when they can: read, made, changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from db.models import Teacher, TeacherAvailability
from domain.constraint import told
from domain.errors import InvalidField, NotFound
from domain.listing import Part, oldest_first


@dataclass(frozen=True, slots=True)
class Hours:
    """Local hours of a weekday (1 is Monday) or of one date, where none is a day off."""

    weekday: int | None
    on_date: date | None
    opens: time | None
    closes: time | None


def check_hours(hours: Sequence[Hours]) -> None:
    """Refuse hours that say nothing, or two things at once.

    Raises:
        InvalidField: `availability`, and why.

    """
    for each in hours:
        _check(each)
    days = {(each.weekday, each.on_date) for each in hours}
    for day in days:
        spans = sorted((each.opens or time.min, each.closes or time.max) for each in hours if _day(each) == day)
        if any(earlier[1] > later[0] for earlier, later in pairwise(spans)):
            raise InvalidField("availability", f"Name hours of {_named(*day)} that do not overlap.")


def _check(hours: Hours) -> None:
    named = _named(hours.weekday, hours.on_date)
    if (hours.weekday is None) == (hours.on_date is None):
        raise InvalidField("availability", "Name a weekday or a date for the hours, not both.")
    if (hours.opens is None) != (hours.closes is None) or (hours.opens is None and hours.weekday is not None):
        raise InvalidField("availability", f"Name when the hours of {named} open and close.")
    if hours.opens and hours.closes and hours.opens >= hours.closes:
        raise InvalidField("availability", f"Let the hours of {named} close after they open.")


def _day(hours: Hours) -> tuple[int | None, date | None]:
    return hours.weekday, hours.on_date


def _named(weekday: int | None, on_date: date | None) -> str:
    return f"weekday {weekday}" if on_date is None else on_date.isoformat()


def set_hours(teacher: Teacher, hours: Sequence[Hours]) -> bool:
    """Make a teacher's availability these hours; say whether that is a change.

    Raises:
        InvalidField: as `check_hours`.

    """
    check_hours(hours)
    standing = [Hours(each.weekday, each.on_date, each.opens, each.closes) for each in teacher.availability]
    if standing == list(hours):
        return False
    teacher.availability = [
        TeacherAvailability(weekday=each.weekday, on_date=each.on_date, opens=each.opens, closes=each.closes)
        for each in hours
    ]
    return True


def teachers(session: Session, organization_id: int, part: Part) -> list[Teacher]:
    """Return an organization's teachers with their availability, as they were made."""
    own = select(Teacher).where(Teacher.organization_id == organization_id).options(selectinload(Teacher.availability))
    return list(session.scalars(oldest_first(own, Teacher.id, part)))


def create(
    session: Session, organization_id: int, values: Mapping[str, Any], hours: Sequence[Hours], *, at: datetime
) -> Teacher:
    """Make a teacher.

    Raises:
        InvalidField: the code is another's, or the hours are impossible.

    """
    teacher = Teacher(organization_id=organization_id, created_at=at, availability=[], **values)
    set_hours(teacher, hours)
    taken = InvalidField("code", "Choose another code: a teacher has this one.")
    with told(session, {"uq_teachers_code_organization_id": taken}):
        session.add(teacher)
    return teacher


def change(
    session: Session, organization_id: int, teacher_id: int, values: Mapping[str, Any], hours: Sequence[Hours] | None
) -> Teacher:
    """Change what is named of a teacher; None leaves the hours as they are.

    Raises:
        NotFound: the organization has no such teacher.
        InvalidField: the hours are impossible.

    """
    teacher = held(session, organization_id, teacher_id)
    for key, value in values.items():
        setattr(teacher, key, value)
    if hours is not None:
        set_hours(teacher, hours)
    session.flush()
    return teacher


def held(session: Session, organization_id: int, teacher_id: int) -> Teacher:
    """Return a teacher, locked: who gives them a session holds them, so that two wait for each other in turn.

    Raises:
        NotFound: the organization has no such teacher.

    """
    own = select(Teacher).where(Teacher.organization_id == organization_id, Teacher.id == teacher_id)
    teacher = session.scalar(own.with_for_update(key_share=True))
    if teacher is None:
        raise NotFound("There is no teacher of this id.")
    return teacher
