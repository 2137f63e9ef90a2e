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

# What is paid for anew by itself does not end for who holds it.
RENEWS = """EXISTS (SELECT FROM subscriptions u WHERE u.organization_id = p.organization_id
                           AND u.stripe_key = p.subscription_key AND u.ended_at IS NULL AND u.cancels_at IS NULL)"""

# Of two warnings that are due together the later one tells it all. Who bought it after a warning's moment knows it.
# The hour more is for weeks in which clocks change.
WARN = """
WITH due AS (
  SELECT k.id, k.organization_id, k.student_id, k.{ends} AS end_at, min(d.days) AS days
    FROM unnest(%(days)s::int[]) AS d (days)
    JOIN student_packages k ON {due} AND k.{ends} >= %(after_at)s
     AND k.{ends} > greatest(%(at)s, %(since)s + make_interval(days => d.days, hours => -1))
     AND k.{ends} <= %(at)s + make_interval(days => d.days, hours => 1)
    JOIN organizations g ON g.id = k.organization_id
    JOIN students s ON s.id = k.student_id AND s.email IS NOT NULL
    JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
   CROSS JOIN LATERAL (
     SELECT (k.{ends} AT TIME ZONE g.timezone - make_interval(days => d.days)) AT TIME ZONE g.timezone AS at) moment
   WHERE moment.at > %(since)s AND moment.at <= %(at)s AND k.purchased_at <= moment.at AND {live} AND {left}
     AND NOT {renews}
     AND (k.{ends}, k.id) > (%(after_at)s, %(after_id)s)
   GROUP BY k.id ORDER BY k.{ends}, k.id LIMIT {most}
), written AS (
  INSERT INTO notifications
         (organization_id, student_id, kind, dedupe_key, student_package_id, message_id, due_at, created_at)
  SELECT organization_id, student_id, 'package.expiring',
         'package:' || id || ':' || days || ':' || extract(epoch FROM end_at)::bigint, id, gen_random_uuid(),
         %(at)s, %(at)s
    FROM due ORDER BY student_id, id
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
  RETURNING id
)
SELECT (SELECT count(*) FROM written) AS written, end_at AS last_at, id AS last_id
  FROM due ORDER BY end_at DESC, id DESC LIMIT 1
"""
CREDITS_LEFT = """EXISTS (
     SELECT FROM student_package_allowances a WHERE a.student_package_id = k.id
        AND a.credits > (SELECT coalesce(sum(u.credits), 0) FROM package_uses u WHERE u.allowance_id = a.id))"""
# A pass is left until it ends; a bundle of both may have an end of each, and is warned of once where they are one.
PASSES = WARN.format(ends="all_access_expires_at", due=PASS_ENDING, live=LIVE, left="TRUE", renews=RENEWS, most=MOST)
PACKAGES = WARN.format(ends="expires_at", due=ENDING, live=LIVE, left=CREDITS_LEFT, renews=RENEWS, most=MOST)


def warn_of_passes(session: Session, after: Batch, *, since: datetime, at: datetime) -> Batch | None:
    """Write warnings of passes that came due since an instant, beyond a batch; None if there are none."""
    return next_batch(session, PASSES, after, days=list(DAYS), since=since, at=at)


def warn_of_packages(session: Session, after: Batch, *, since: datetime, at: datetime) -> Batch | None:
    """Write warnings of packages with credits left that came due since an instant, beyond a batch; None if none are."""
    return next_batch(session, PACKAGES, after, days=list(DAYS), since=since, at=at)
