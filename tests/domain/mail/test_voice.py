"""How a studio speaks: days, hours and amounts as its language and its zone have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.mail.readable_time import short
from domain.mail.voice import Voice, languages, voice_of

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
        # In the night when they go forward an hour is missing.
        ("2026-03-08T06:30Z", "2026-03-08T07:30Z", NEW_YORK, "Sunday 8 March 2026, 01:30 EST \N{EN DASH} 03:30 EDT"),
        (
            "2026-10-25T00:30Z",
            "2026-10-25T01:30Z",
            "Europe/Berlin",
            "Sunday 25 October 2026, 02:30 CEST \N{EN DASH} 02:30 CET",
        ),
        (
            "2026-03-28T22:30Z",
            "2026-03-29T01:30Z",
            "Europe/Berlin",
            "Saturday 28 March 2026, 23:30 CET \N{EN DASH} Sunday 29 March 2026, 03:30 CEST",
        ),
    ],
)
def test_a_span_is_told_in_the_studios_own_time(begin: str, end: str, timezone: str, told: str) -> None:
    assert Voice("en", timezone).span(at(begin), at(end)) == told


def test_a_start_has_its_zone_and_a_day_is_the_local_one() -> None:
    voice = Voice("en", NEW_YORK)

    assert voice.start(at("2026-12-01T03:30Z")) == "Monday 30 November 2026, 22:30 EST"
    assert voice.brief(at("2026-12-01T03:30Z")) == "Mon 30 Nov, 22:30 EST"
    assert voice.day(at("2026-12-01T03:30Z")) == "Monday 30 November 2026"


def test_the_last_day_is_the_one_before_the_midnight_that_ends_it() -> None:
    assert Voice("en", NEW_YORK).last_day(at("2026-03-09T04:00Z")) == "8 March 2026"
    assert Voice("tr", NEW_YORK).last_day(at("2026-03-09T04:00Z")) == "8 Mart 2026"


def test_english_days_are_the_ones_that_everybody_knows() -> None:
    voice = Voice("en", "UTC")

    for days in range(366):
        moment = datetime(2028, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
        assert voice.day(moment) == f"{moment:%A %-d %B %Y}"
        assert voice.brief(moment) == f"{moment:%a %-d %b}, 12:00 UTC"


def test_turkish_says_the_weekday_last() -> None:
    voice = Voice("tr", ISTANBUL)

    assert voice.calendar_day(date(2026, 11, 24)) == "24 Kasım 2026 Salı"
    assert voice.start(at("2026-11-24T07:00Z")) == "24 Kasım 2026 Salı, 10:00 UTC+03"
    assert voice.brief(at("2026-11-24T07:00Z")) == "24 Kas Sal, 10:00 UTC+03"
    assert voice.span(at("2026-11-24T07:00Z"), at("2026-11-24T07:45Z")) == (
        "24 Kasım 2026 Salı, 10:00\N{EN DASH}10:45 UTC+03"
    )


@pytest.mark.parametrize(
    ("language", "currency", "told"),
    [
        ("en", "TRY", "8 000.05 TRY"),
        ("en", "JPY", "800 005 JPY"),
        ("tr", "TRY", "8.000,05 TRY"),
        ("tr", "USD", "8.000,05 USD"),
        ("tr", "JPY", "800.005 JPY"),
    ],
)
def test_an_amount_is_written_as_the_language_does(language: str, currency: str, told: str) -> None:
    assert Voice(language, "UTC").money(800_005, currency).replace("\N{NO-BREAK SPACE}", " ") == told


def test_what_a_name_looks_like_does_not_matter() -> None:
    said = Voice("tr", "UTC").say("Hello {name},", name="{organization} %(name)s {0}")

    assert said == "Merhaba {organization} %(name)s {0},"


def test_english_and_turkish_are_known_and_another_language_is_said_in_english() -> None:
    row = {"language": "xx", "timezone": "UTC"}

    assert languages() == ("en", "tr")
    assert voice_of(row) == Voice("en", "UTC")
    assert voice_of(row | {"language": "tr"}) == Voice("tr", "UTC")


def test_a_list_for_staff_is_short() -> None:
    assert short(at("2026-12-01T03:30Z"), NEW_YORK) == "Mon 30 Nov 22:30"
