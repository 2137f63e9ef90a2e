"""What calendars are told: the right hour in every zone, and nothing but text in what people wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from domain.mail.ics import feed, invitation
from domain.mail.letter import Invite
from domain.mail.vtimezone import zone

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
INVITE = Invite(
    uid="booking-1@lumen.punchcard",
    sequence=3,
    start_at=AT,
    end_at=AT + timedelta(hours=1),
    timezone="America/New_York",
    summary="Ride",
    description="with Maya\nSeat 4",
    is_cancelled=False,
)
ZONES = (
    "America/New_York",
    "Europe/Istanbul",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
)


def written(invite: Invite, **people: Any) -> bytes:
    usual: dict[str, Any] = {"organization": "Lumen", "sender": "hello@lumen.test", "name": "Ada", "email": "a@b.test"}
    return invitation(invite, **usual | people, at=AT)


def entry(content: bytes) -> Any:
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    return event


def test_an_invitation_is_accepted_already() -> None:
    content = written(INVITE)

    calendar: Any = Calendar.from_ical(content)
    event = entry(content)
    assert (calendar["METHOD"], event["STATUS"], event["SEQUENCE"]) == ("REQUEST", "CONFIRMED", 3)
    assert (event["ORGANIZER"], event["ORGANIZER"].params["CN"]) == ("mailto:hello@lumen.test", "Lumen")
    assert event["ATTENDEE"] == "mailto:a@b.test"
    assert (event["ATTENDEE"].params["PARTSTAT"], event["ATTENDEE"].params["RSVP"]) == ("ACCEPTED", "FALSE")
    assert event["DTSTAMP"].dt == AT
    assert b"DTSTART;TZID=America/New_York:20261121T040000\r\n" in content
    assert event["DESCRIPTION"] == "with Maya\nSeat 4"


def test_what_does_not_take_place_takes_the_entry_away() -> None:
    content = written(replace(INVITE, is_cancelled=True))

    calendar: Any = Calendar.from_ical(content)
    assert (calendar["METHOD"], entry(content)["STATUS"]) == ("CANCEL", "CANCELLED")
    assert entry(content)["UID"] == INVITE.uid


@pytest.mark.parametrize("text", ["x\r\nATTENDEE:mailto:eve@b.test", 'a;b,c:d"e\\n', "\u2028\u202eé" * 60, "\x00\x1b"])
def test_what_people_wrote_is_text_and_nothing_else(text: str) -> None:
    invite = replace(INVITE, summary=text, description=text, uid=f"{text}@x")

    content = written(invite, organization=text, name=text)

    assert len(entry(content).property_items()) == len(entry(written(INVITE)).property_items())
    assert entry(content)["ATTENDEE"] == "mailto:a@b.test"
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("name", ZONES)
def test_a_zone_has_its_offset_at_every_hour_of_two_years(name: str) -> None:
    changes = sorted(_changes(name))

    at = datetime(2026, 1, 1, tzinfo=ZoneInfo(name)).astimezone(UTC)
    for hour in range(2 * 365 * 24):
        instant = at + timedelta(hours=hour)
        known = [offset for since, offset in changes if since <= instant]
        assert known[-1] == instant.astimezone(ZoneInfo(name)).utcoffset(), instant


def _changes(name: str) -> list[tuple[datetime, timedelta]]:
    """Return when each offset begins, as whoever knows no zones by name reads it."""
    component: Any = zone(name, 2026, 2027)
    found = []
    for each in component.subcomponents:
        dates = each.get("RDATE", [])
        starts = [each["DTSTART"].dt]
        starts += [one.dt for some in (dates if isinstance(dates, list) else [dates]) for one in some.dts]
        before, after = each["TZOFFSETFROM"].td, each["TZOFFSETTO"].td
        found += [((start - before).replace(tzinfo=UTC), after) for start in starts]
    return found


def test_a_feed_without_entries_is_a_calendar_still() -> None:
    calendar: Any = Calendar.from_ical(feed([], name="Lumen", timezone="Europe/Istanbul", at=AT))

    assert (calendar["METHOD"], calendar.walk("VEVENT")) == ("PUBLISH", [])


def test_the_same_entries_are_the_same_bytes() -> None:
    one, other = (feed([INVITE], name="Lumen", timezone=INVITE.timezone, at=AT) for _ in range(2))

    assert one == other


@pytest.mark.parametrize("minutes", [45, 90])
@pytest.mark.parametrize("hour", [4, 5, 6])
def test_in_the_hour_that_a_night_has_twice_each_entry_is_when_it_is(hour: int, minutes: int) -> None:
    start = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    invite = replace(INVITE, start_at=start, end_at=start + timedelta(minutes=minutes))

    (event,) = Calendar.from_ical(written(invite)).events

    assert event.decoded("DTSTART").astimezone(UTC) == start
    assert event.decoded("DTEND").astimezone(UTC) == start + timedelta(minutes=minutes)
