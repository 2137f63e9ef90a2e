"""What a mail about a booking tells, read at the moment when it leaves: the booking may have gone on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.models import BookingStatus
from db.transaction import fetch
from domain.mail import booking_words as words
from domain.mail.booking_invite import invite
from domain.mail.booking_kinds import (
    CALLED_OFF,
    CANCELLED,
    CHANGED,
    COMING,
    CONFIRMED,
    FORFEITED,
    MOVED,
    PROMOTED,
    REMINDER,
)
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of

# What a booking must be for its mail to be true; one that was a draft becomes one again.
TRUE_WHILE: Mapping[str, frozenset[BookingStatus]] = {
    CONFIRMED: frozenset({BookingStatus.CONFIRMED}),
    CHANGED: frozenset({BookingStatus.CONFIRMED}),
    CANCELLED: frozenset({BookingStatus.CANCELLED, BookingStatus.DRAFT}),
    FORFEITED: frozenset({BookingStatus.FORFEITED}),
    PROMOTED: frozenset({BookingStatus.CONFIRMED}),
    CALLED_OFF: frozenset({BookingStatus.CANCELLED, BookingStatus.DRAFT}),
    MOVED: frozenset({BookingStatus.CONFIRMED}),
    REMINDER: frozenset({BookingStatus.CONFIRMED}),
}


# Events whose mail is of another kind, and tells more than those before it, too.
WITH_OTHER_MAIL = ("booking.moved",)

# A later change of the same booking tells more, and has a mail of its own. The number of a change is the last
# part of its mail's key, as it is its event's. A change is another booking (docs/adr/0012): what a calendar keeps is
# named by the first of them; a guest's hangs on the one that their host's was. A draft that waits again has lost its
# time, which the events before still tell.
BOOKING = """
WITH RECURSIVE chain AS (
  SELECT b.id, b.student_id, b.guest_of IS NOT NULL AS is_guest, (b.metadata ->> 'changedFrom')::bigint AS before
    FROM notifications n JOIN bookings b ON b.id = n.booking_id
   WHERE n.id = %(id)s
   UNION
  SELECT b.id, b.student_id, c.is_guest, (b.metadata ->> 'changedFrom')::bigint
    FROM chain c JOIN bookings b ON b.student_id = c.student_id AND b.id < c.id
                                AND CASE WHEN c.is_guest THEN b.guest_of ELSE b.id END = c.before
)
SELECT n.kind, n.dedupe_key, n.message_id::text,
       o.name AS organization, o.email_sender, o.slug, o.timezone, o.language, o.reminder_offsets_minutes,
       s.name AS student, s.email, b.id, b.guest_of, b.guest_name, b.guest_email,
       b.status, b.payment_type, b.credits_used, b.session_id, b.start_at, b.end_at,
       (b.metadata ->> 'undoUntil')::timestamptz AS undo_until, b.metadata ->> 'cancelReason' AS cancel_reason,
       (b.metadata ->> 'movedFrom')::timestamptz AS moved_from,
       (b.metadata ->> 'extendedUntil')::timestamptz AS extended_until,
       (SELECT u.usage_date FROM all_access_daily_usages u
         WHERE u.student_package_id = b.student_package_id AND u.booking_id = b.id ORDER BY u.id DESC LIMIT 1)
         AS used_day,
       g.name AS class, cs.label AS step, cs.title AS step_title, t.name AS teacher,
       (SELECT y.status FROM student_course_enrollments z JOIN student_course_step_progress y ON y.enrollment_id = z.id
         WHERE z.student_package_id = b.student_package_id AND y.course_step_id = b.course_step_id
           AND z.status IN ('ACTIVE', 'COMPLETED')) AS step_status,
       e.label AS seat, k.name AS package, a.service_type AS credit_service,
       greatest(a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0), 0)
         AS credits_left,
       coalesce(p.grant_status = 'REVOKED', false) AS is_revoked,
       before.status AS before_status, before.payment_type AS before_payment,
       before.session_id AS before_session_id, before.start_at AS before_start_at,
       before_class.name AS before_class, before_seat.label AS before_seat,
       guest.guest_name AS guest, guest.status AS guest_status, guest_seat.label AS guest_seat,
       (SELECT min(chain.id) FROM chain) AS first_id, told.start_at AS told_start_at, told.end_at AS told_end_at,
       n.created_at AS told_at, coalesce((b.metadata ->> 'movedAt')::timestamptz, b.created_at) AS booked_at,
       n.kind <> %(reminder)s AND EXISTS (SELECT 1 FROM domain_events v
                WHERE v.student_id = n.student_id AND v.sequence > split_part(n.dedupe_key, ':', 3)::bigint
                  AND v.subject = 'booking/' || b.id AND v.type = ANY(%(kinds)s)) AS is_outdone
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN bookings b ON b.id = n.booking_id
  JOIN students s ON s.id = b.student_id
  LEFT JOIN class_sessions c ON c.id = b.session_id
  LEFT JOIN group_classes g ON g.id = c.group_class_id
  LEFT JOIN course_steps cs ON cs.id = b.course_step_id
  LEFT JOIN teachers t ON t.id = c.teacher_id
  LEFT JOIN seats e ON e.id = b.seat_id
  LEFT JOIN student_packages k ON k.id = b.student_package_id
  LEFT JOIN orders w ON w.id = k.order_id
  LEFT JOIN payments p ON p.id = w.payment_id
  LEFT JOIN student_package_allowances a ON a.id = b.allowance_id
  LEFT JOIN bookings before
    ON before.id = (b.metadata ->> 'changedFrom')::bigint AND before.id <> b.id AND before.student_id = b.student_id
  LEFT JOIN class_sessions before_session ON before_session.id = before.session_id
  LEFT JOIN group_classes before_class ON before_class.id = before_session.group_class_id
  LEFT JOIN seats before_seat ON before_seat.id = before.seat_id
  LEFT JOIN LATERAL (SELECT x.guest_name, x.status, x.seat_id FROM bookings x
                      WHERE x.student_id = b.student_id AND x.id > b.id AND x.guest_of = b.id
                      ORDER BY x.id DESC LIMIT 1) guest ON true
  LEFT JOIN seats guest_seat ON guest_seat.id = guest.seat_id
  LEFT JOIN LATERAL (SELECT (v.data ->> 'startAt')::timestamptz AS start_at, (v.data ->> 'endAt')::timestamptz AS end_at
                       FROM domain_events v
                      WHERE b.status = 'DRAFT' AND v.student_id = n.student_id AND v.subject = 'booking/' || b.id
                        AND v.data ->> 'startAt' IS NOT NULL
                      ORDER BY v.sequence DESC LIMIT 1) told ON true
 WHERE n.id = %(id)s
"""


def read_booking_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:
    """Read what a mail about a booking must say; None if the booking is no longer what it tells of."""
    (row,) = fetch(session, BOOKING, id=notification_id, kinds=[*TRUE_WHILE, *WITH_OTHER_MAIL], reminder=REMINDER)
    if row["is_outdone"] or BookingStatus(row["status"]) not in TRUE_WHILE[row["kind"]]:
        return None
    if row["kind"] == REMINDER and not _is_due(row, at):
        return None
    return booking_mail(row)


def _is_due(row: Mapping[str, Any], at: datetime) -> bool:
    """Say whether a reminder is of the start that the booking has, paid for, and no later one tells it by now."""
    start, offset = map(int, row["dedupe_key"].split(":")[2:4])
    later = [minutes for minutes in row["reminder_offsets_minutes"] if minutes < offset]
    told_later = any(row["start_at"] - timedelta(minutes=minutes) <= at for minutes in later)
    is_ahead = int(row["start_at"].timestamp()) == start and row["start_at"] > at
    return is_ahead and not told_later and not row["is_revoked"]


def booking_mail(row: Mapping[str, Any]) -> Letter:
    """Return the mail of a row of `BOOKING`, to the student or to their guest."""
    voice = voice_of(row)
    return _to_guest(row, voice) if row["guest_of"] else _to_student(row, voice)


def _to_student(row: Mapping[str, Any], voice: Voice) -> Letter:
    to = {"name": row["student"], "email": row["email"]}
    return replace(_letter(row, voice, to), notes=words.notes(row, voice))


def _to_guest(row: Mapping[str, Any], voice: Voice) -> Letter:
    """Return a guest's mail, which tells nothing of what their host holds."""
    to = {"name": row["guest_name"], "email": row["guest_email"]}
    told = (*words.earlier(row, voice), *words.studio(row, voice))
    return replace(_letter(row, voice, to), opening=words.whose_guest(row, voice), notes=told)


def _letter(row: Mapping[str, Any], voice: Voice, to: Mapping[str, Any]) -> Letter:
    """Return what the mail of a student and that of their guest have in common."""
    session = words.session(row)
    return Letter(
        **envelope({**row, **to}, voice, words.about(row, voice)),
        heading=words.heading(row, voice),
        cards=(_card(session, row, voice),) if session else (),
        facts=(voice.say("Booking: {number}", number=row["id"]),),
        invite=invite(row, voice),
    )


def _card(session: str, row: Mapping[str, Any], voice: Voice) -> Card:
    return Card(session, words.place(row, voice), when=words.when(row, voice), is_off=row["kind"] not in COMING)
