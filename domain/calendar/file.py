"""A document's teachers, classes and sessions, made true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from db.models import GroupClass, Organization, Teacher
from domain.calendar import session_file
from domain.calendar.entries import ClassEntry, TeacherEntry
from domain.calendar.group_class import set_seats
from domain.calendar.teacher import set_hours
from domain.calendar.wanted_session import Calendar
from domain.catalog.changes import Changes, settle
from domain.catalog.entries import OrganizationEntry
from domain.errors import InvalidCatalog, InvalidField


def apply(
    session: Session, organization: Organization, entry: OrganizationEntry, changes: Changes, *, at: datetime
) -> None:
    """Create and update the calendar of an organization, which its caller holds locked.

    What the document does not name is left alone.

    Raises:
        InvalidCatalog: the field, and why it is impossible.

    """
    if not (entry.teachers or entry.classes or entry.sessions):
        return
    calendar = _calendar(session, organization)
    _teachers(session, calendar, entry.teachers, changes, at=at)
    _classes(session, calendar, entry.classes, changes, at=at)
    session_file.apply(session, calendar, entry.sessions, changes, at=at)


def _calendar(session: Session, organization: Organization) -> Calendar:
    """Return what stands, locked in the order in which everybody locks it: teachers, classes, sessions."""
    teachers = select(Teacher).where(Teacher.organization_id == organization.id).order_by(Teacher.id)
    classes = select(GroupClass).where(GroupClass.organization_id == organization.id).order_by(GroupClass.id)
    hours, seats = selectinload(Teacher.availability), selectinload(GroupClass.seats)
    return Calendar(
        organization,
        {row.code: row for row in session.scalars(teachers.options(hours).with_for_update(key_share=True))},
        {row.code: row for row in session.scalars(classes.options(seats).with_for_update(key_share=True))},
    )


def _teachers(
    session: Session, calendar: Calendar, entries: Iterable[TeacherEntry], changes: Changes, *, at: datetime
) -> None:
    owner = calendar.organization
    for place, entry in enumerate(entries):
        is_new = entry.code not in calendar.teachers
        new = Teacher(organization_id=owner.id, created_at=at, availability=[])
        teacher, name = calendar.teachers.setdefault(entry.code, new), f"{owner.slug}/teachers/{entry.code}"
        settle(teacher, entry.model_dump(exclude={"availability"}), name, changes, is_new=is_new)
        with _pointing(f"{owner.slug}.teachers.{place}"):
            if set_hours(teacher, entry.hours()):
                changes.note(name, is_new=is_new)
        session.add(teacher)
    session.flush()


def _classes(
    session: Session, calendar: Calendar, entries: Iterable[ClassEntry], changes: Changes, *, at: datetime
) -> None:
    owner = calendar.organization
    for place, entry in enumerate(entries):
        is_new = entry.code not in calendar.classes
        new = GroupClass(organization_id=owner.id, created_at=at, seats=[])
        group_class, name = calendar.classes.setdefault(entry.code, new), f"{owner.slug}/classes/{entry.code}"
        teacher_id = _teacher_id(entry, calendar.teachers, f"{owner.slug}.classes.{place}")
        values = entry.model_dump(exclude={"seats", "teacher"}) | {"teacher_id": teacher_id}
        settle(group_class, values, name, changes, is_new=is_new)
        if set_seats(group_class, entry.lines()):
            changes.note(name, is_new=is_new)
        session.add(group_class)
    session.flush()


def _teacher_id(entry: ClassEntry, teachers: Mapping[str, Teacher], where: str) -> int | None:
    if entry.teacher is None:
        return None
    if entry.teacher not in teachers:
        raise InvalidCatalog(f"{where}.teacher: there is no teacher {entry.teacher}")
    return teachers[entry.teacher].id


@contextmanager
def _pointing(where: str) -> Iterator[None]:
    """Tell a field at fault by the way to it from the document's beginning."""
    try:
        yield
    except InvalidField as error:
        raise InvalidCatalog(f"{where}.{error.field}: {error}") from error
