"""What mails tell of an enrollment: that its money went back, or that the studio has settled it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import EnrollmentStatus
from db.transaction import fetch
from domain.mail.course_words import STEPS, enrolled
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import voice_of

REVOKED, ASSIGNED = "enrollment.revoked", "enrollment.assigned"

ENROLLMENT = f"""
SELECT n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone, o.language, st.name, st.email,
       e.id, e.status, k.name AS course, c.name AS cohort, {STEPS} AS steps,
       coalesce(p.grant_status = 'REVOKED', false) AS went_back
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN student_packages k ON k.id = n.student_package_id
  JOIN student_course_enrollments e ON e.student_package_id = k.id
  JOIN students st ON st.id = e.student_id
  JOIN orders w ON w.id = k.order_id
  LEFT JOIN payments p ON p.id = w.payment_id
  LEFT JOIN course_cohorts c ON c.id = e.cohort_id
 WHERE n.id = %(id)s
"""  # noqa: S608 - our own words


def read_revoked_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about an enrollment that is over must say; None if the money came back meanwhile."""
    (row,) = fetch(session, ENROLLMENT, id=notification_id)
    return revoked_mail(row) if row["status"] == EnrollmentStatus.REVOKED else None


def read_assigned_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about an enrollment that is settled must say; None if it does not stand any more."""
    (row,) = fetch(session, ENROLLMENT, id=notification_id)
    return None if row["went_back"] or row["status"] != EnrollmentStatus.ACTIVE else assigned_mail(row)


def revoked_mail(row: Mapping[str, Any]) -> Letter:
    """Return the mail about an enrollment that is over, of a row of `ENROLLMENT`."""
    voice = voice_of(row)
    return Letter(
        **envelope(row, voice, voice.say("your enrollment in {course} has ended", course=row["course"])),
        heading=voice.say("Your enrollment has ended"),
        cards=(Card(row["course"]),),
        notes=(
            voice.say("The payment of this course went back. What you had booked with it is cancelled."),
            voice.say("What you took part in stays on record. If this surprises you, ask the studio."),
        ),
        facts=(voice.say("Enrollment: {number}", number=row["id"]),),
    )


def assigned_mail(row: Mapping[str, Any]) -> Letter:
    """Return the mail about an enrollment that the studio has settled, of a row of `ENROLLMENT`."""
    voice = voice_of(row)
    return Letter(
        **envelope(row, voice, voice.say("your enrollment in {course} is settled", course=row["course"])),
        heading=voice.say("Your enrollment is settled"),
        cards=(Card(row["course"], tuple(enrolled(row, voice))),),
        facts=(voice.say("Enrollment: {number}", number=row["id"]),),
    )
