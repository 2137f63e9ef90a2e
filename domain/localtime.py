"""What a clock on the wall shows, as an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instant(moment: datetime, timezone: str) -> datetime:
    """Return the instant in UTC of a moment that is an organization's local time unless it has an offset.

    A local time that comes twice, in the night when clocks go back, means the first; an offset names the second.

    Raises:
        ValueError: no clock there shows that time, in the night when clocks go forward.

    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    told = moment.replace(tzinfo=ZoneInfo(timezone), fold=0).astimezone(UTC)
    if told.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) != moment:
        raise ValueError(f"{moment.isoformat()} does not exist in {timezone}: clocks go forward over it")
    return told
