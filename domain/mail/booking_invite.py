"""A booking as a calendar keeps it: the same entry however often it is changed, and gone when it is given up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.mail import booking_words as words
from domain.mail.booking_kinds import COMING
from domain.mail.letter import Invite
from domain.mail.voice import Voice

# Before anything was booked here.
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def invite(row: Mapping[str, Any], voice: Voice) -> Invite | None:
    """Return what a calendar is told of a booking; None of a draft whose time nobody was told."""
    start_at, end_at = row["start_at"] or row["told_start_at"], row["end_at"] or row["told_end_at"]
    if start_at is None or end_at is None:
        return None
    return Invite(
        uid=f"booking-{row['first_id']}@{row['slug']}.punchcard",
        sequence=sequence(row["booked_at"] if row["kind"] in COMING else row["told_at"]),
        start_at=start_at,
        end_at=end_at,
        timezone=row["timezone"],
        summary=_summary(row, voice),
        description="\n".join(_description(row, voice)),
        is_cancelled=row["kind"] not in COMING,
    )


def sequence(changed_at: datetime) -> int:
    """Return the number of a change, by its time: it grows whatever becomes of a booking and of whose it is.

    Of two in one second calendars take the one that was said later (RFC 5546 2.1.5). It fits 31 bits until 2088.
    """
    return int((changed_at - FIRST).total_seconds())


def _summary(row: Mapping[str, Any], voice: Voice) -> str:
    organization, session = row["organization"], words.session(row)
    if session is None:
        return voice.say("Your session at {organization}", organization=organization)
    return voice.say("{session} at {organization}", session=session, organization=organization)


def _description(row: Mapping[str, Any], voice: Voice) -> tuple[str, ...]:
    """Return with whom and where it is, and of a guest who brings them: nothing of what anybody holds."""
    brought = (words.whose_guest(row, voice),) if row["guest_of"] else ()
    number = voice.say("Booking: {number}", number=row["id"])
    return (*brought, *words.place(row, voice), number)
