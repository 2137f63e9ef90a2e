"""When a teacher can give a session: inside their hours of the organization's local day, and beside other sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from domain.booking.state import Session, Teacher
from domain.calendar.teacher import Hours

Span = tuple[datetime, datetime]


def can_teach(teacher: Teacher, session: Session, zone: ZoneInfo) -> bool:
    """Say whether a session lies inside a teacher's hours of the local day on which it starts."""
    day = session.start_at.astimezone(zone).date()
    spans = open_spans(teacher.hours, day, zone)
    return any(opens <= session.start_at and session.end_at <= closes for opens, closes in spans)


def is_busy(teacher: Teacher, session: Session) -> bool:
    """Say whether a teacher gives another session meanwhile."""
    return any(busy.start_at < session.end_at and session.start_at < busy.end_at for busy in teacher.busy)


def open_spans(hours: tuple[Hours, ...], day: date, zone: ZoneInfo) -> list[Span]:
    """Return the spans of a local day in which a teacher can be booked; hours that meet are one span."""
    merged: list[Span] = []
    for opens, closes in sorted(_of_day(hours, day, zone)):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return merged


def _of_day(hours: tuple[Hours, ...], day: date, zone: ZoneInfo) -> Iterator[Span]:
    """Yield a day's hours as instants: what is said of the date replaces the weekday's."""
    dated = [each for each in hours if each.on_date == day]
    for each in dated or [each for each in hours if each.weekday == day.isoweekday()]:
        if each.opens is not None and each.closes is not None:
            yield _instant(day, each.opens, zone), _instant(day, each.closes, zone)


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone)
