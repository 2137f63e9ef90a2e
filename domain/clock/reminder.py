"""Reminders: so long before a session as its organization says, to whoever was booked by then (PRODUCT.md §5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from domain.clock.mark import Batch, next_batch

# Of one transaction.
MOST = 2_000

# Sessions are found by their organization and start, their bookings by the session. Of several reminders that are due
# together, after an outage, the last one tells it all. Whoever was booked, or told of another time, after a reminder's
# moment knows it.
REMIND = f"""
WITH due AS (
  SELECT b.id, b.organization_id, b.student_id, c.start_at, min(x.minutes) AS minutes
    FROM organizations o
   CROSS JOIN unnest(o.reminder_offsets_minutes) AS x (minutes)
    JOIN class_sessions c ON c.organization_id = o.id AND c.status = 'SCHEDULED'
     AND c.start_at > greatest(%(at)s, %(since)s + make_interval(mins => x.minutes::int))
     AND c.start_at <= %(at)s + make_interval(mins => x.minutes::int) AND c.start_at >= %(after_at)s
    JOIN bookings b ON b.session_id = c.id AND b.place IS NOT NULL AND b.status = 'CONFIRMED'
    JOIN students s ON s.id = b.student_id
   WHERE coalesce((b.metadata ->> 'movedAt')::timestamptz, b.created_at)
         <= c.start_at - make_interval(mins => x.minutes::int)
     AND CASE WHEN b.guest_of IS NULL THEN s.email ELSE b.guest_email END IS NOT NULL
     AND (c.start_at, b.id) > (%(after_at)s, %(after_id)s)
   GROUP BY b.id, c.start_at ORDER BY c.start_at, b.id LIMIT {MOST}
), written AS (
  INSERT INTO notifications (organization_id, student_id, kind, dedupe_key, booking_id, message_id, due_at, created_at)
  SELECT organization_id, student_id, 'booking.reminder',
         'booking:' || id || ':' || extract(epoch FROM start_at)::bigint || ':' || minutes, id, gen_random_uuid(),
         %(at)s, %(at)s
    FROM due ORDER BY student_id, id
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
  RETURNING id
)
SELECT (SELECT count(*) FROM written) AS written, start_at AS last_at, id AS last_id
  FROM due ORDER BY start_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - our own number


def remind(session: Session, after: Batch, *, since: datetime, at: datetime) -> Batch | None:
    """Write the reminders that came due since an instant, of some bookings beyond a batch; None if there are none."""
    return next_batch(session, REMIND, after, since=since, at=at)
