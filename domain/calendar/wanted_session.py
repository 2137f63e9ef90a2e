"""What a document says of sessions, with its codes and local times resolved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.models import GroupClass, Organization, Teacher
from db.models.class_session import MAX_MINUTES
from domain.calendar.entries import SessionEntry
from domain.errors import InvalidCatalog
from domain.localtime import instant

LONGEST = timedelta(minutes=MAX_MINUTES)
Key = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whose sessions they are, and what they may name by its code."""

    organization: Organization
    teachers: dict[str, Teacher]
    classes: dict[str, GroupClass]

    def teacher(self, teacher_id: int | None) -> Teacher | None:
        """Return the teacher of that id."""
        return next((each for each in self.teachers.values() if each.id == teacher_id), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the document says of one session; `where` is the way to it. None is not said."""

    where: str
    group_class: GroupClass
    start_at: datetime
    end_at: datetime | None
    capacity: int | None
    teacher: Teacher | None


def read(calendar: Calendar, entries: Iterable[SessionEntry]) -> dict[Key, Wanted]:
    """Return what entries mean, by class and start: what a session is known by.

    Raises:
        InvalidCatalog: an unknown code, an impossible time, or a session that is there twice.

    """
    found: dict[Key, Wanted] = {}
    for place, entry in enumerate(entries):
        wanted = _read(calendar, entry, f"{calendar.organization.slug}.sessions.{place}")
        key = (wanted.group_class.id, wanted.start_at)
        if key in found:
            raise InvalidCatalog(f"{wanted.where}: {found[key].where} is the same class at the same time")
        found[key] = wanted
    return found


def _read(calendar: Calendar, entry: SessionEntry, where: str) -> Wanted:
    if entry.group_class not in calendar.classes:
        raise InvalidCatalog(f"{where}.class: there is no class {entry.group_class}")
    if entry.teacher is not None and entry.teacher not in calendar.teachers:
        raise InvalidCatalog(f"{where}.teacher: there is no teacher {entry.teacher}")
    start_at = _instant(entry.start, calendar, f"{where}.start")
    end_at = _instant(entry.end, calendar, f"{where}.end") if entry.end else None
    if entry.minutes:
        end_at = start_at + timedelta(minutes=entry.minutes)
    if end_at and not start_at < end_at <= start_at + LONGEST:
        raise InvalidCatalog(f"{where}.end: let it end after it starts, within {MAX_MINUTES} minutes")
    teacher = calendar.teachers[entry.teacher] if entry.teacher else None
    return Wanted(where, calendar.classes[entry.group_class], start_at, end_at, entry.capacity, teacher)


def _instant(moment: datetime, calendar: Calendar, where: str) -> datetime:
    try:
        return instant(moment, calendar.organization.timezone)
    except ValueError as error:
        raise InvalidCatalog(f"{where}: {error}") from error
