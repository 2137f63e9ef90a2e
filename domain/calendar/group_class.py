"""Recurring classes and their seats: read, made, changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from db.models import GroupClass, Seat, Teacher
from domain.constraint import told
from domain.errors import InvalidField, NotFound
from domain.listing import Part, oldest_first


@dataclass(frozen=True, slots=True)
class SeatLine:
    """A seat as somebody writes it down; its label names it within the class."""

    label: str
    credit_cost: int
    active: bool


def set_seats(group_class: GroupClass, lines: Sequence[SeatLine]) -> bool:
    """Make these the seats of a class; say whether that is a change.

    A seat that is not named any more is out of order, since bookings refer to it; named again, it is back.
    """
    known = {seat.label: seat for seat in group_class.seats}
    before = [_told(seat) for seat in group_class.seats]
    for label in known.keys() - {line.label for line in lines}:
        known[label].active = False
    for position, line in enumerate(lines):
        seat = known.get(line.label)
        if seat is None:
            seat = Seat(label=line.label)
            group_class.seats.append(seat)
        seat.position, seat.credit_cost, seat.active = position, line.credit_cost, line.active
    return before != [_told(seat) for seat in group_class.seats]


def _told(seat: Seat) -> tuple[str, int, int, bool]:
    return seat.label, seat.position, seat.credit_cost, seat.active


def classes(session: Session, organization_id: int, part: Part) -> list[GroupClass]:
    """Return an organization's classes with their seats, as they were made."""
    own = (
        select(GroupClass).where(GroupClass.organization_id == organization_id).options(selectinload(GroupClass.seats))
    )
    return list(session.scalars(oldest_first(own, GroupClass.id, part)))


def create(
    session: Session, organization_id: int, values: Mapping[str, Any], lines: Sequence[SeatLine], *, at: datetime
) -> GroupClass:
    """Make a class.

    Raises:
        InvalidField: the code is another's, or two seats have the same label.
        NotFound: the organization has no such teacher.

    """
    _check(session, organization_id, values, lines)
    group_class = GroupClass(organization_id=organization_id, created_at=at, seats=[], **values)
    set_seats(group_class, lines)
    taken = InvalidField("code", "Choose another code: a class has this one.")
    with told(session, {"uq_group_classes_code_organization_id": taken}):
        session.add(group_class)
    return group_class


def change(
    session: Session, organization_id: int, class_id: int, values: Mapping[str, Any], lines: Sequence[SeatLine] | None
) -> GroupClass:
    """Change what is named of a class; None leaves the seats as they are. Its sessions keep what they have.

    Raises:
        NotFound: the organization has no such class, or no such teacher.
        InvalidField: two seats have the same label.

    """
    _check(session, organization_id, values, lines or ())
    group_class = find(session, organization_id, class_id, locked=True)
    for key, value in values.items():
        setattr(group_class, key, value)
    if lines is not None:
        set_seats(group_class, lines)
    session.flush()
    return group_class


def find(session: Session, organization_id: int, class_id: int, *, locked: bool = False) -> GroupClass:
    """Return a class, locked for a change if that is asked for.

    Raises:
        NotFound: the organization has no such class.

    """
    own = select(GroupClass).where(GroupClass.organization_id == organization_id, GroupClass.id == class_id)
    group_class = session.scalar(own.with_for_update(key_share=True) if locked else own)
    if group_class is None:
        raise NotFound("There is no class of this id.")
    return group_class


def _check(session: Session, organization_id: int, values: Mapping[str, Any], lines: Sequence[SeatLine]) -> None:
    if len({line.label for line in lines}) < len(lines):
        raise InvalidField("seats", "Give each seat a label of its own.")
    teacher_id = values.get("teacher_id")
    own = select(Teacher.id).where(Teacher.organization_id == organization_id, Teacher.id == teacher_id)
    if teacher_id is not None and session.scalar(own) is None:
        raise NotFound("There is no teacher of this id.")
