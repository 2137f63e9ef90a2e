from __future__ import annotations

from datetime import datetime

import pytest

from domain.mail.readable_time import brief, day, last_day, span, start

ISTANBUL, NEW_YORK = "Europe/Istanbul", "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("begin", "end", "timezone", "told"),
    [
        ("2026-11-24T07:00Z", "2026-11-24T07:45Z", ISTANBUL, "Tuesday 24 November 2026, 10:00\N{EN DASH}10:45 UTC+03"),
        ("2026-07-01T14:00Z", "2026-07-01T15:00Z", NEW_YORK, "Wednesday 1 July 2026, 10:00\N{EN DASH}11:00 EDT"),
        (
            "2026-07-02T03:30Z",
            "2026-07-02T04:30Z",
            NEW_YORK,
            "Wednesday 1 July 2026, 23:30 \N{EN DASH} Thursday 2 July 2026, 00:30 EDT",
        ),
        # In the night when clocks go back the same time comes twice.
        ("2026-11-01T05:30Z", "2026-11-01T06:30Z", NEW_YORK, "Sunday 1 November 2026, 01:30 EDT \N{EN DASH} 01:30 EST"),
    ],
)
def test_a_span_is_told_in_the_studios_own_time(begin: str, end: str, timezone: str, told: str) -> None:
    assert span(at(begin), at(end), timezone) == told


def test_a_start_has_its_zone_and_a_day_is_the_local_one() -> None:
    assert start(at("2026-12-01T03:30Z"), NEW_YORK) == "Monday 30 November 2026, 22:30 EST"
    assert brief(at("2026-12-01T03:30Z"), NEW_YORK) == "Mon 30 Nov, 22:30 EST"
    assert day(at("2026-12-01T03:30Z"), NEW_YORK) == "Monday 30 November 2026"


def test_the_last_day_is_the_one_before_the_midnight_that_ends_it() -> None:
    assert last_day(at("2026-03-09T04:00Z"), NEW_YORK) == "8 March 2026"
