"""Times as people read them, in their organization's own days and hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def day(instant: datetime, timezone: str) -> str:
    """Return the local day of an instant, such as `Tuesday 24 November 2026`."""
    return calendar_day(instant.astimezone(ZoneInfo(timezone)))


def calendar_day(local: date) -> str:
    """Return a local day, such as `Tuesday 24 November 2026`."""
    return f"{local:%A %-d %B %Y}"


def last_day(end: datetime, timezone: str) -> str:
    """Return the last local day of a validity, whose end is the midnight after it, such as `24 November 2026`."""
    return f"{end.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1):%-d %B %Y}"


def start(instant: datetime, timezone: str) -> str:
    """Return a local day and time with its zone, such as `Tuesday 24 November 2026, 10:00 EST`."""
    local = instant.astimezone(ZoneInfo(timezone))
    return f"{calendar_day(local)}, {local:%H:%M} {_zone(local)}"


def brief(instant: datetime, timezone: str) -> str:
    """Return the same shorter, for a line that has no room, such as `Tue 24 Nov, 10:00 EST`."""
    local = instant.astimezone(ZoneInfo(timezone))
    return f"{local:%a %-d %b, %H:%M} {_zone(local)}"


def short(instant: datetime, timezone: str) -> str:
    """Return a local day and time for a list of the organization's own, such as `Tue 24 Nov 10:00`."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%a %-d %b %H:%M}"


def span(start_at: datetime, end_at: datetime, timezone: str) -> str:
    """Return from when to when, such as `Tuesday 24 November 2026, 10:00-10:45 EST`.

    What differs between both is said of both: the day over midnight, the zone in a night when clocks change.
    """
    begin, end = (each.astimezone(ZoneInfo(timezone)) for each in (start_at, end_at))
    zone = "" if _zone(begin) == _zone(end) else f" {_zone(begin)}"
    dash = "\N{EN DASH}" if begin.date() == end.date() and not zone else " \N{EN DASH} "
    until = "" if begin.date() == end.date() else f"{calendar_day(end)}, "
    return f"{calendar_day(begin)}, {begin:%H:%M}{zone}{dash}{until}{end:%H:%M} {_zone(end)}"


def _zone(local: datetime) -> str:
    """Return a zone's abbreviation; where it has none but its distance from UTC, that."""
    name = local.tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name
