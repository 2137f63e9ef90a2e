"""Steps of courses still open while a date for them is near: told once a week, where the organization wants it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain.clock.mark import Batch, next_batch
from domain.purchase.holder import LIVE

# PRODUCT.md §5.
NEAR = timedelta(days=7)
# Of one transaction.
MOST = 2_000

# A cohort's own dates, as long as any of them is ahead for the step; else the dates of all classes that serve it. One
# that is full, or beyond the end of what was bought, is none. The week is the local one of the first date.
TELL = f"""
WITH due AS (
  SELECT y.id, y.organization_id, e.student_id, to_char(near.start_at AT TIME ZONE g.timezone, 'IYYY-"W"IW') AS week
    FROM organizations g
    JOIN student_course_enrollments e ON e.organization_id = g.id AND e.status = 'ACTIVE'
    JOIN student_packages k ON k.id = e.student_package_id AND coalesce(k.expires_at, 'infinity') > %(at)s
    JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
    JOIN students s ON s.id = e.student_id AND s.email IS NOT NULL
    JOIN student_course_step_progress y ON y.enrollment_id = e.id AND y.status IN ('UNBOOKED', 'CANCELLED')
   CROSS JOIN LATERAL (
     SELECT EXISTS (
       SELECT FROM course_cohort_sessions n
         JOIN course_step_options x ON x.id = n.course_step_option_id AND x.active AND x.deleted_at IS NULL
         JOIN class_sessions c ON c.id = n.session_id AND c.status = 'SCHEDULED' AND c.start_at > %(at)s
        WHERE n.cohort_id = e.cohort_id AND x.course_step_id = y.course_step_id) AS has_dates) cohort
   CROSS JOIN LATERAL (
     SELECT c.start_at FROM course_step_options x
       JOIN class_sessions c ON c.group_class_id = x.group_class_id AND c.status = 'SCHEDULED' AND NOT c.arranged
        AND c.start_at > %(at)s AND c.start_at <= %(until)s AND c.start_at < coalesce(k.expires_at, 'infinity')
      WHERE x.course_step_id = y.course_step_id AND x.active AND x.deleted_at IS NULL
        AND c.capacity > (SELECT count(*) FROM bookings b WHERE b.session_id = c.id AND b.place IS NOT NULL)
        AND (NOT cohort.has_dates OR EXISTS (
              SELECT FROM course_cohort_sessions n
               WHERE n.cohort_id = e.cohort_id AND n.course_step_option_id = x.id AND n.session_id = c.id))
      ORDER BY c.start_at LIMIT 1) near
   WHERE g.unbooked_step_reminders AND y.id > %(after_id)s AND {LIVE}
   ORDER BY y.id LIMIT {MOST}
), written AS (
  INSERT INTO notifications
         (organization_id, student_id, kind, dedupe_key, step_progress_id, message_id, due_at, created_at)
  SELECT organization_id, student_id, 'step.unbooked', 'progress:' || id || ':' || week, id, gen_random_uuid(),
         %(at)s, %(at)s
    FROM due ORDER BY student_id, id
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
  RETURNING id
)
SELECT (SELECT count(*) FROM written) AS written, %(after_at)s AS last_at, id AS last_id
  FROM due ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - our own text


def tell_unbooked(session: Session, after: Batch, *, at: datetime) -> Batch | None:
    """Write to students of open steps that have a date within a week, beyond a batch; None if there are none."""
    return next_batch(session, TELL, after, until=at + NEAR, at=at)
