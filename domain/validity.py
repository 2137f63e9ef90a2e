"""How long things last, in the organization's own days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def end_of_days(start: datetime, days: int, timezone: str) -> datetime:
    """Return the exclusive end of a validity of `days`: the local midnight after the day start + days.

    Args:
        start: The instant it begins, with a zone.
        days: PRODUCT.md §2: N days last through the end of the local day start + N.
        timezone: IANA name of the organization's zone; its days may have 23 or 25 hours.

    Returns:
        An instant in UTC.

    """
    zone = ZoneInfo(timezone)
    last_day = start.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(last_day, time.min, zone).astimezone(UTC)


def later(end: datetime, days: int, timezone: str) -> datetime:
    """Return the local midnight so many days behind an end; an end itself stays as it is."""
    return end_of_days(end - timedelta(microseconds=1), days, timezone) if days else end


def local_days(start: datetime, end: datetime, timezone: str) -> int:
    """Return how many local midnights lie between two instants, below zero where the second is earlier."""
    zone = ZoneInfo(timezone)
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
