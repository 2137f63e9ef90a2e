"""A booking as a calendar keeps it: the same entry however often it is changed, and gone when it is given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.mail import booking_words as words
from domain.mail.booking_kinds import COMING, REMINDER
from domain.mail.letter import Invite
from domain.mail.voice import Voice


def invite(row: Mapping[str, Any], voice: Voice) -> Invite | None:
    """Return what a calendar is told of a booking; None of a draft whose time nobody was told."""
    start_at, end_at = row["start_at"] or row["told_start_at"], row["end_at"] or row["told_end_at"]
    if start_at is None or end_at is None:
        return None
    return Invite(
        uid=f"booking-{row['first_id']}@{row['slug']}.punchcard",
        sequence=_sequence(row),
        start_at=start_at,
        end_at=end_at,
        timezone=row["timezone"],
        summary=_summary(row, voice),
        description="\n".join(_description(row, voice)),
        is_cancelled=row["kind"] not in COMING,
    )


def _sequence(row: Mapping[str, Any]) -> int:
    """Return the number of the change that a mail tells; of a reminder, that of the last change before it.

    The key of a mail of who was merged into another student names the number that it had after a zero.
    """
    if row["kind"] == REMINDER:
        return int(row["told_sequence"] or 0)
    number, *merged = row["dedupe_key"].split(":")[2:]
    return int(merged[0] if merged else number)


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
