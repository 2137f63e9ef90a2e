"""Mails of the clock in a test: written as the clock writes them, sent, and read."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

from icalendar import Calendar, Event

from tests.timetable import Timetable
from worker import clock


def tell(
    timetable: Timetable, kind: str, key: str, *, org: str = "lumen", student: int | None = None, **about: int
) -> int:
    """Write a mail; return its row."""
    columns = {"student_id": student} | about
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", %({name})s" for name in columns)
    row = timetable.studio.one(
        f"INSERT INTO notifications (organization_id, kind, dedupe_key, message_id, due_at, created_at{names})"
        f" VALUES (%(org)s, %(kind)s, %(key)s, %(message)s, %(at)s, %(at)s{values}) RETURNING id",
        org=timetable.organization(org),
        kind=kind,
        key=key,
        message=str(uuid4()),
        at=clock.now(),
        **columns,
    )
    return int(row["id"])


def remind(
    timetable: Timetable, booking: int, offset: int = 1440, start: datetime | None = None, org: str = "lumen"
) -> int:
    """Write the reminder of a booking, of the start that it has unless another is named."""
    row = timetable.booking(booking)
    begins = start or row["start_at"]
    key = f"booking:{booking}:{int(begins.timestamp())}:{offset}"
    return tell(timetable, "booking.reminder", key, org=org, student=row["student_id"], booking_id=booking)


def became(timetable: Timetable, row: int) -> str:
    """Return what became of a mail."""
    return str(timetable.studio.one("SELECT status FROM notifications WHERE id = %(id)s", id=row)["status"])


def say(timetable: Timetable, language: str, org: str = "lumen") -> None:
    """Let an organization speak a language."""
    timetable.studio.rows(
        "UPDATE organizations SET language = %(language)s WHERE slug = %(org)s", language=language, org=org
    )


def calendar(mail: EmailMessage) -> Calendar:
    """Return what a mail says to a calendar: the same beside its text and in its file."""
    (beside,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    (file,) = [part for part in mail.walk() if part.get_content_type() == "application/ics"]
    said = beside.get_payload(decode=True)
    assert isinstance(said, bytes)
    read = Calendar.from_ical(said)
    assert isinstance(read, Calendar)
    assert beside.get_param("method") == str(read["METHOD"])
    assert file.get_filename() == "invite.ics"
    assert file.get_payload(decode=True).splitlines() == said.splitlines()  # type: ignore[union-attr]
    return read


def entry(mail: EmailMessage) -> Event:
    (event,) = calendar(mail).walk("VEVENT")
    assert isinstance(event, Event)
    return event


class Agenda:
    """What somebody's calendar shows once it has read their mails, in whatever order they come."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[int, str, Any]] = {}

    def read(self, *mails: EmailMessage) -> None:
        for mail in mails:
            event = entry(mail)
            uid, said = (
                str(event["UID"]),
                (int(event.decoded("SEQUENCE")), str(event["STATUS"]), event.decoded("DTSTART")),
            )
            if uid not in self.entries or said[0] >= self.entries[uid][0]:
                self.entries[uid] = said

    def shown(self) -> list[datetime]:
        return sorted(start for _, status, start in self.entries.values() if status == "CONFIRMED")
