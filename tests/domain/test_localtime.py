"""What clocks on walls show, also in the nights when somebody turns them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.localtime import instant

NEW_YORK = "America/New_York"
ISTANBUL = "Europe/Istanbul"


@pytest.mark.parametrize(
    ("moment", "timezone", "expected"),
    [
        ("2026-12-01T18:30", ISTANBUL, "2026-12-01T15:30Z"),
        ("2026-12-01T18:30", NEW_YORK, "2026-12-01T23:30Z"),
        # New York goes forward on 8 March 2026, from 02:00 to 03:00.
        ("2026-03-08T01:59", NEW_YORK, "2026-03-08T06:59Z"),
        ("2026-03-08T03:00", NEW_YORK, "2026-03-08T07:00Z"),
        # It goes back on 1 November: half past one comes twice.
        ("2026-11-01T01:30", NEW_YORK, "2026-11-01T05:30Z"),
        ("2026-11-01T01:30-05:00", NEW_YORK, "2026-11-01T06:30Z"),
        ("2026-11-01T02:00", NEW_YORK, "2026-11-01T07:00Z"),
        # Istanbul turned its clocks for the last time in 2016.
        ("2015-11-08T03:30", ISTANBUL, "2015-11-08T00:30Z"),
        ("2015-11-08T03:30+02:00", ISTANBUL, "2015-11-08T01:30Z"),
        ("2016-03-27T04:00", ISTANBUL, "2016-03-27T01:00Z"),
        ("2026-03-29T03:30", ISTANBUL, "2026-03-29T00:30Z"),
        ("2026-10-25T03:30", ISTANBUL, "2026-10-25T00:30Z"),
    ],
)
def test_a_local_time_is_one_instant(moment: str, timezone: str, expected: str) -> None:
    told = instant(datetime.fromisoformat(moment), timezone)

    assert told == datetime.fromisoformat(expected)
    assert told.tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "timezone"),
    [
        ("2026-03-08T02:00", NEW_YORK),
        ("2026-03-08T02:59", NEW_YORK),
        ("2016-03-27T03:00", ISTANBUL),
        ("2016-03-27T03:59", ISTANBUL),
    ],
)
def test_a_time_that_no_clock_shows_is_refused(moment: str, timezone: str) -> None:
    with pytest.raises(ValueError, match="does not exist in"):
        instant(datetime.fromisoformat(moment), timezone)
