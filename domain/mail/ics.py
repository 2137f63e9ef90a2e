"""Sessions as a calendar keeps them (RFC 5545): one in a mail, or all of a student's in a feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from domain.mail.letter import Invite
from domain.mail.vtimezone import zone

if TYPE_CHECKING:
    from icalendar import Calendar, Event, vCalAddress

PRODUCT = "-//Punchcard//Punchcard//EN"
# How long who subscribes may keep what they have read.
REFRESH = timedelta(hours=1)


def invitation(  # noqa: PLR0913 - what stands in one
    invite: Invite, *, organization: str, sender: str, name: str | None, email: str, at: datetime
) -> bytes:
    """Return a session as an invitation that its student has accepted already, or as the end of one.

    Args:
        invite: The session.
        organization: Whom it is by.
        sender: Their address, which is where an answer would go.
        name: Who goes there.
        email: Their address.
        at: When this is said: of two about the same session with the same sequence the later one counts.

    """
    calendar = _calendar("CANCEL" if invite.is_cancelled else "REQUEST")
    _add_zone(calendar, [invite], invite.timezone)
    event = _event(invite, at)
    event.add("organizer", _who(organization, sender))
    attendee = _who(name or email, email)
    attendee.params.update({"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    event.add("attendee", attendee)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def feed(invites: Sequence[Invite], *, name: str, timezone: str, at: datetime) -> bytes:
    """Return sessions as a calendar to subscribe to; the same ones at the same `at` are the same bytes.

    Args:
        invites: The sessions, all of that zone.
        name: What the calendar is called.
        timezone: The IANA zone in which it is shown.
        at: When it became what it is.

    """
    from icalendar import vDuration  # noqa: PLC0415 - its import takes longer than a mail

    calendar = _calendar("PUBLISH")
    calendar.add("name", _line(name))
    calendar.add("x-wr-calname", _line(name))
    calendar.add("x-wr-timezone", timezone)
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))
    _add_zone(calendar, invites, timezone)
    for invite in invites:
        calendar.add_component(_event(invite, at))
    return bytes(calendar.to_ical())


def _calendar(method: str) -> Calendar:
    from icalendar import Calendar  # noqa: PLC0415 - its import takes longer than a mail

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _add_zone(calendar: Calendar, invites: Sequence[Invite], timezone: str) -> None:
    years = [
        each.astimezone(ZoneInfo(timezone)).year for invite in invites for each in (invite.start_at, invite.end_at)
    ]
    if years:
        calendar.add_component(zone(timezone, min(years), max(years)))


def _event(invite: Invite, at: datetime) -> Event:
    from icalendar import Event  # noqa: PLC0415 - its import takes longer than a mail

    event, (start, end) = Event(), _local(invite)
    event.add("uid", _line(invite.uid))
    event.add("sequence", invite.sequence)
    event.add("dtstamp", at)
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", _line(invite.summary))
    if invite.description:
        event.add("description", "\n".join(map(_line, invite.description.splitlines())))
    event.add("status", "CANCELLED" if invite.is_cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if invite.is_cancelled else "OPAQUE")
    return event


def _local(invite: Invite) -> tuple[datetime, datetime]:
    """Return the times as they are shown; in an hour that a night has twice, as instants, which are there once."""
    start, end = (each.astimezone(ZoneInfo(invite.timezone)) for each in (invite.start_at, invite.end_at))
    return (start.astimezone(UTC), end.astimezone(UTC)) if start.fold or end.fold else (start, end)


def _who(name: str, email: str) -> vCalAddress:
    from icalendar import vCalAddress  # noqa: PLC0415 - its import takes longer than a mail

    address = vCalAddress(f"mailto:{''.join(_line(email).split())}")
    # A parameter has no way to write this character (RFC 5545 3.2).
    address.params["CN"] = _line(name).replace('"', "'")
    return address


def _line(text: str) -> str:
    """Return a text within one line: what names hold besides would begin another property."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
