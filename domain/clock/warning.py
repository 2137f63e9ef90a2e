"""Packages and passes that end soon: students are told a week and a day before, if anything is left (PRODUCT.md §5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.models.package import ENDING, PASS_ENDING
from domain.clock.mark import Batch, next_batch
from domain.purchase.holder import LIVE

# Days before the end; local ones, since an end is a local midnight.
DAYS = (7, 1)
# Of one transaction.
MOST = 2_000

# What is left: a pass until its end, else a credit. Of two warnings that are due together the later one tells it all.
# Who bought it after a warning's moment knows it. The hour more is for weeks in which clocks change.
WARN = f"""
WITH due AS (
  SELECT k.id, k.organization_id, k.student_id, k.expires_at, k.extended_until, min(d.days) AS days
    FROM unnest(%(days)s::int[]) AS d (days)
    JOIN student_packages k ON ({ENDING} OR {PASS_ENDING}) AND k.expires_at >= %(after_at)s
     AND k.expires_at > greatest(%(at)s, %(since)s + make_interval(days => d.days, hours => -1))
     AND k.expires_at <= %(at)s + make_interval(days => d.days, hours => 1)
    JOIN organizations g ON g.id = k.organization_id
    JOIN students s ON s.id = k.student_id AND s.email IS NOT NULL
    JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
   CROSS JOIN LATERAL (
     SELECT (k.expires_at AT TIME ZONE g.timezone - make_interval(days => d.days)) AT TIME ZONE g.timezone AS at) moment
   WHERE moment.at > %(since)s AND moment.at <= %(at)s AND k.purchased_at <= moment.at AND {LIVE}
     AND (k.expires_at, k.id) > (%(after_at)s, %(after_id)s)
     AND (k.all_access_starts_at IS NOT NULL OR EXISTS (
           SELECT FROM student_package_allowances a WHERE a.student_package_id = k.id
              AND a.credits > (SELECT coalesce(sum(u.credits), 0) FROM package_uses u WHERE u.allowance_id = a.id)))
   GROUP BY k.id ORDER BY k.expires_at, k.id LIMIT {MOST}
), written AS (
  INSERT INTO notifications
         (organization_id, student_id, kind, dedupe_key, student_package_id, message_id, due_at, created_at)
  SELECT organization_id, student_id, 'package.expiring',
         'package:' || id || ':' || days || coalesce(':' || extract(epoch FROM extended_until)::bigint, ''), id,
         gen_random_uuid(), %(at)s, %(at)s
    FROM due ORDER BY expires_at, id
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
  RETURNING id
)
SELECT (SELECT count(*) FROM written) AS written, expires_at AS last_at, id AS last_id
  FROM due ORDER BY expires_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - our own text


def warn(session: Session, after: Batch, *, since: datetime, at: datetime) -> Batch | None:
    """Write the warnings that came due since an instant, of some packages beyond a batch; None if there are none."""
    return next_batch(session, WARN, after, days=list(DAYS), since=since, at=at)
