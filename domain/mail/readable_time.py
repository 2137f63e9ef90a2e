"""Times as staff read them in a list, and the names of zones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def short(instant: datetime, timezone: str) -> str:
    """Return a local day and time for a list of the organization's own, such as `Tue 24 Nov 10:00`."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%a %-d %b %H:%M}"


def zone_name(local: datetime) -> str:
    """Return a zone's abbreviation; where it has none but its distance from UTC, that."""
    name = local.tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name
