"""What a mail about a step that is not booked tells: which dates are near, and have a free place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import EnrollmentStatus
from db.transaction import fetch
from domain.clock.unbooked import NEAR
from domain.enrollment.unbooked import Choice, unbooked_steps
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of

UNBOOKED = "step.unbooked"
# As many dates as somebody reads in a mail.
MOST_DATES = 5

STEP = """
SELECT n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone, o.language, s.name, s.email,
       e.organization_id, e.student_id, e.student_package_id AS package_id, e.id AS enrollment_id,
       e.status AS enrollment_status, y.course_step_id AS step_id, cs.label AS step, cs.title AS step_title,
       k.name AS course
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN student_course_step_progress y ON y.id = n.step_progress_id
  JOIN course_steps cs ON cs.id = y.course_step_id
  JOIN student_course_enrollments e ON e.id = y.enrollment_id
  JOIN student_packages k ON k.id = e.student_package_id
  JOIN students s ON s.id = e.student_id
 WHERE n.id = %(id)s
"""


def read_step_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:
    """Read what a mail about an open step must say; None if it is booked by now, or nothing near is left to book."""
    (row,) = fetch(session, STEP, id=notification_id)
    if row["enrollment_status"] != EnrollmentStatus.ACTIVE:
        return None
    dates = _free(session, row, at=at)
    if not any(date.start_at <= at + NEAR for date in dates):
        return None
    return step_mail(row, dates)


def _free(session: Session, row: Mapping[str, Any], *, at: datetime) -> list[Choice]:
    """Return the dates of the step that have a free place, in the order of their starts; none if it is not open."""
    owner = (row["organization_id"], row["student_id"], row["package_id"])
    steps = unbooked_steps(session, *owner, at=at) or []
    return [date for step in steps if step.step_id == row["step_id"] for date in step.options if date.spots_available]


def step_mail(row: Mapping[str, Any], dates: Sequence[Choice]) -> Letter:
    """Return the mail of a row of `STEP`, with the dates that may be booked."""
    voice = voice_of(row)
    step, course = row["step"], row["course"]
    return Letter(
        **envelope(row, voice, voice.say("{step} of {course} is still to be booked", step=step, course=course)),
        heading=voice.say("A step of your course is still to be booked"),
        cards=(Card(f"{step}, {row['step_title']}", tuple(_date(date, voice) for date in dates[:MOST_DATES]), course),),
        notes=(voice.say("These dates have a free place now: book the one that suits you."),),
        facts=(voice.say("Enrollment: {number}", number=row["enrollment_id"]),),
    )


def _date(date: Choice, voice: Voice) -> str:
    said = {"session": date.group_class_name, "time": voice.brief(date.start_at)}
    if date.teacher_name is None:
        return voice.say("{time}: {session}", **said)
    return voice.say("{time}: {session} with {teacher}", teacher=date.teacher_name, **said)
