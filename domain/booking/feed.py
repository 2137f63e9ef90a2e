"""A student's sessions as a calendar to subscribe to: theirs alone, without the friends whom they bring along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.mail import booking_words as words
from domain.mail.booking_invite import sequence
from domain.mail.ics import feed
from domain.mail.letter import Invite
from domain.mail.voice import Voice

# How long what is over stays in it.
PAST = timedelta(days=90)
# The newest ones; a calendar that long is read whole each hour.
MOST = 1_000

OWNER = """
SELECT o.name, o.slug, o.timezone, o.language, s.created_at
  FROM students s JOIN organizations o ON o.id = s.organization_id WHERE s.id = %(student)s
"""

# A change is another booking (docs/adr/0012): what a calendar keeps is named by the first of them, as in mails.
BOOKINGS = """
WITH RECURSIVE shown AS (
  SELECT b.* FROM bookings b
   WHERE b.student_id = %(student)s AND b.guest_of IS NULL AND b.status IN ('CONFIRMED', 'COMPLETED', 'NO_SHOW')
     AND b.start_at >= %(since)s
   ORDER BY b.start_at DESC, b.id DESC LIMIT %(most)s
), chain AS (
  SELECT id AS shown_id, id, (metadata ->> 'changedFrom')::bigint AS before FROM shown
   UNION
  SELECT c.shown_id, b.id, (b.metadata ->> 'changedFrom')::bigint
    FROM chain c JOIN bookings b ON b.id = c.before AND b.id < c.id AND b.student_id = %(student)s
)
SELECT b.id, b.start_at, b.end_at, g.name AS class, cs.label AS step, t.name AS teacher, e.label AS seat,
       (SELECT min(c.id) FROM chain c WHERE c.shown_id = b.id) AS first_id,
       coalesce((b.metadata ->> 'movedAt')::timestamptz, b.created_at) AS booked_at
  FROM shown b
  LEFT JOIN class_sessions c ON c.id = b.session_id
  LEFT JOIN group_classes g ON g.id = c.group_class_id
  LEFT JOIN course_steps cs ON cs.id = b.course_step_id
  LEFT JOIN teachers t ON t.id = c.teacher_id
  LEFT JOIN seats e ON e.id = b.seat_id
 ORDER BY b.start_at, b.id
"""


def calendar(session: Session, student_id: int, *, at: datetime) -> bytes:
    """Return a student's active bookings, from 90 days ago on; the same ones are the same bytes."""
    (owner,) = fetch(session, OWNER, student=student_id)
    rows = fetch(session, BOOKINGS, student=student_id, since=at - PAST, most=MOST)
    changed_at = max((row["booked_at"] for row in rows), default=owner["created_at"])
    invites = [_invite(row, owner) for row in rows]
    return feed(invites, name=owner["name"], timezone=owner["timezone"], at=changed_at)


def _invite(row: Mapping[str, Any], owner: Mapping[str, Any]) -> Invite:
    place = words.place(row, Voice(owner["language"], owner["timezone"]))
    return Invite(
        uid=f"booking-{row['first_id']}@{owner['slug']}.punchcard",
        sequence=sequence(row["booked_at"]),
        start_at=row["start_at"],
        end_at=row["end_at"],
        timezone=owner["timezone"],
        summary=words.session(row) or owner["name"],
        description="\n".join(place) or None,
        is_cancelled=False,
    )
