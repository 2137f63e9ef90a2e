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
