"""Days are the organization's own, also where a day has 23 or 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.validity import end_of_days


@pytest.mark.parametrize(
    ("start", "days", "timezone", "end"),
    [
        # 21 November 12:00 in Istanbul; through the end of 20 December there, three hours ahead of UTC.
        ("2026-11-21T09:00Z", 30, "Europe/Istanbul", "2026-12-21T21:00Z"),
        # Late in the evening in UTC it is tomorrow already in Istanbul.
        ("2026-11-21T22:30Z", 1, "Europe/Istanbul", "2026-11-23T21:00Z"),
        # Over the night of 8 March 2026, when New York loses an hour.
        ("2026-03-07T17:00Z", 1, "America/New_York", "2026-03-09T04:00Z"),
        # Over the night of 1 November 2026, when it gains one.
        ("2026-10-31T16:00Z", 1, "America/New_York", "2026-11-02T05:00Z"),
        # Through a leap day.
        ("2028-02-28T12:00Z", 1, "UTC", "2028-03-01T00:00Z"),
    ],
)
def test_days_last_through_the_end_of_a_local_day(start: str, days: int, timezone: str, end: str) -> None:
    assert end_of_days(datetime.fromisoformat(start), days, timezone) == datetime.fromisoformat(end)


def test_the_end_is_told_in_utc() -> None:
    end = end_of_days(datetime(2026, 1, 1, tzinfo=UTC), 1, "Asia/Tokyo")

    assert end.tzinfo is UTC
