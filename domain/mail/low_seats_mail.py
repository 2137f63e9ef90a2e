"""What staff are told of a session that serves a course and has few free places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.course.low_seats import LowSeatsLine, low_seats_report
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of

LOW_SEATS = "session.low_seats"

SESSION = """
SELECT n.message_id::text, n.organization_id, n.session_id, o.name AS organization, o.email_sender, o.slug, o.timezone,
       o.language, NULL AS name, o.staff_email AS email, o.low_seats_threshold, c.start_at, c.end_at,
       g.name AS class, t.name AS teacher
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN class_sessions c ON c.id = n.session_id
  JOIN group_classes g ON g.id = c.group_class_id
  LEFT JOIN teachers t ON t.id = c.teacher_id
 WHERE n.id = %(id)s
"""


def read_low_seats_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:
    """Read what staff must be told of a session; None if it has begun, is off or has places, or nobody is to hear."""
    (row,) = fetch(session, SESSION, id=notification_id)
    if row["email"] is None:
        return None
    few = low_seats_report(session, row["organization_id"], row["low_seats_threshold"], at=at)
    lines = [line for line in few if line.session_id == row["session_id"]]
    return low_seats_mail(row, lines) if lines else None


def low_seats_mail(row: Mapping[str, Any], lines: Sequence[LowSeatsLine]) -> Letter:
    """Return the mail of a row of `SESSION`, with a line for each step that it serves."""
    voice = voice_of(row)
    time, steps = voice.brief(row["start_at"]), ", ".join(line.step_label for line in lines)
    free = voice.plural(
        "{number} of {capacity} places is free",
        "{number} of {capacity} places are free",
        lines[0].spots_available,
        capacity=lines[0].capacity,
    )
    when = voice.span(row["start_at"], row["end_at"])
    teacher = (voice.say("with {teacher}", teacher=row["teacher"]),) if row["teacher"] else ()
    return Letter(
        **envelope(row, voice, voice.say("few places left, {what}", what=f"{steps}, {row['class']}, {time}")),
        heading=voice.say("Few places are left"),
        cards=(Card(f"{steps}, {row['class']}", teacher, free, when),),
        notes=tuple(_open(line, voice) for line in lines),
        facts=(voice.say("Session: {number}", number=row["session_id"]),),
    )


def _open(line: LowSeatsLine, voice: Voice) -> str:
    return voice.plural(
        "{number} student of {course} still has {step} to book.",
        "{number} students of {course} still have {step} to book.",
        line.students_to_book,
        course=line.course_title,
        step=line.step_label,
    )
