"""Sessions of courses that are nearly full: staff are told once, early enough to plan another date (PRODUCT.md §5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch

# Of one transaction.
MOST = 1_000

# As many may still come as there are places, and where there are seats, free ones of those.
FIND = f"""
SELECT c.id FROM class_sessions c
  JOIN organizations o ON o.id = c.organization_id
 CROSS JOIN LATERAL (SELECT c.capacity - count(*) AS places FROM bookings b
                      WHERE b.session_id = c.id AND b.place IS NOT NULL) free
 WHERE c.group_class_id IN (
         SELECT x.group_class_id FROM course_step_options x
           JOIN course_steps t ON t.id = x.course_step_id AND t.deleted_at IS NULL
           JOIN course_programs m ON m.id = t.course_program_id
           JOIN products d ON d.id = m.product_id AND d.active AND d.deleted_at IS NULL
          WHERE x.active AND x.deleted_at IS NULL)
   AND c.status = 'SCHEDULED' AND NOT c.arranged AND c.start_at > %(at)s AND c.low_seats_at IS NULL
   AND (free.places <= o.low_seats_threshold
        OR (SELECT count(*) FROM seats e WHERE e.group_class_id = c.group_class_id AND e.active
               AND NOT EXISTS (SELECT FROM bookings b
                                WHERE b.session_id = c.id AND b.seat_id = e.id AND b.place IS NOT NULL))
           <= o.low_seats_threshold
           AND EXISTS (SELECT FROM seats e WHERE e.group_class_id = c.group_class_id AND e.active))
 ORDER BY c.id LIMIT {MOST} FOR NO KEY UPDATE OF c SKIP LOCKED
"""  # noqa: S608 - our own number
TELL = """
WITH low AS (
  UPDATE class_sessions SET low_seats_at = %(at)s WHERE id = ANY(%(ids)s)
  RETURNING id, organization_id, group_class_id, start_at, capacity
), mails AS (
  INSERT INTO notifications (organization_id, kind, dedupe_key, session_id, message_id, due_at, created_at)
  SELECT l.organization_id, 'session.low_seats', 'session:' || l.id, l.id, gen_random_uuid(), %(at)s, %(at)s
    FROM low l JOIN organizations o ON o.id = l.organization_id WHERE o.staff_email IS NOT NULL
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
)
INSERT INTO domain_events (organization_id, session_id, type, subject, data, message_id, due_at, created_at)
SELECT l.organization_id, l.id, 'session.low_seats', 'session/' || l.id,
       jsonb_build_object('sessionId', l.id, 'groupClassName', g.name, 'capacity', l.capacity,
                          'startAt', to_char(l.start_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                          'taken', (SELECT count(*) FROM bookings b
                                     WHERE b.session_id = l.id AND b.place IS NOT NULL)),
       gen_random_uuid(), %(at)s, %(at)s
  FROM low l JOIN group_classes g ON g.id = l.group_class_id
"""


def tell_low_seats(session: Session, *, at: datetime) -> int:
    """Tell of some of the sessions ahead that have few free places left; return how many, 0 where there are none."""
    ids = [row["id"] for row in fetch(session, FIND, at=at)]
    if ids:
        fetch(session, TELL, ids=ids, at=at)
    return len(ids)
