"""What a mail about a booking tells, read at the moment when it leaves: the booking may have gone on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.models import BookingStatus
from db.transaction import fetch
from domain.mail import booking_words as words
from domain.mail.booking_words import CALLED_OFF, CANCELLED, CHANGED, CONFIRMED, FORFEITED, MOVED, PROMOTED
from domain.mail.letter import Letter, sender

# What a booking must be for its mail to be true; one that was a draft becomes one again.
TRUE_WHILE: Mapping[str, frozenset[BookingStatus]] = {
    CONFIRMED: frozenset({BookingStatus.CONFIRMED}),
    CHANGED: frozenset({BookingStatus.CONFIRMED}),
    CANCELLED: frozenset({BookingStatus.CANCELLED, BookingStatus.DRAFT}),
    FORFEITED: frozenset({BookingStatus.FORFEITED}),
    PROMOTED: frozenset({BookingStatus.CONFIRMED}),
    CALLED_OFF: frozenset({BookingStatus.CANCELLED, BookingStatus.DRAFT}),
    MOVED: frozenset({BookingStatus.CONFIRMED}),
}


# Events whose mail is of another kind, and tells more than those before it, too.
WITH_OTHER_MAIL = ("booking.moved",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingMail(Letter):
    """A mail about a booking; `session` is None where a draft waits for its time again."""

    booking_id: int
    heading: str
    opening: str | None
    session: str | None
    details: tuple[str, ...]
    notes: tuple[str, ...]


# A later change of the same booking tells more, and has a mail of its own. The number of a change is the last
# part of its mail's key, as it is its event's.
BOOKING = """
SELECT n.kind, n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone,
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
       coalesce(p.dispute_status = 'LOST' OR p.amount_received > 0 AND p.amount_refunded >= p.amount_received, false)
         AS is_revoked,
       before.status AS before_status, before.payment_type AS before_payment,
       before.session_id AS before_session_id, before.start_at AS before_start_at,
       before_class.name AS before_class, before_seat.label AS before_seat,
       guest.guest_name AS guest, guest.status AS guest_status, guest_seat.label AS guest_seat,
       EXISTS (SELECT 1 FROM domain_events v
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
 WHERE n.id = %(id)s
"""


def read_booking_mail(session: Session, notification_id: int) -> BookingMail | None:
    """Read what a mail about a booking must say; None if the booking is no longer what it tells of."""
    (row,) = fetch(session, BOOKING, id=notification_id, kinds=[*TRUE_WHILE, *WITH_OTHER_MAIL])
    if row["is_outdone"] or BookingStatus(row["status"]) not in TRUE_WHILE[row["kind"]]:
        return None
    return _to_guest(row) if row["guest_of"] else _to_student(row)


def _to_student(row: Mapping[str, Any]) -> BookingMail:
    return BookingMail(
        **_envelope(row),
        name=row["student"],
        email=row["email"],
        heading=words.heading(row),
        opening=None,
        session=words.session(row),
        details=words.details(row),
        notes=words.notes(row),
    )


def _to_guest(row: Mapping[str, Any]) -> BookingMail:
    """Return a guest's mail, which tells nothing of what their host holds."""
    return BookingMail(
        **_envelope(row),
        name=row["guest_name"],
        email=row["guest_email"],
        heading=words.heading(row),
        opening=words.whose_guest(row),
        session=words.session(row),
        details=words.details(row),
        notes=(*words.earlier(row), *words.studio(row)),
    )


def _envelope(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message_id": row["message_id"],
        "organization": row["organization"],
        "sender": sender(row["email_sender"], row["slug"]),
        "subject": words.subject(row),
        "booking_id": row["id"],
    }
