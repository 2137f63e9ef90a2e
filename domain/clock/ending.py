"""What has ended by itself: passes, packages and friend passes, each told once for each of its ends (PRODUCT.md §5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.models.package import ENDING, FRIEND_ENDING, PASS_ENDING
from db.transaction import fetch
from domain.booking.drafts import CLOSE
from domain.purchase.holder import FLAGS_OF, LIVE

# Of one transaction: some thousand make the cost of a statement small, and hold nobody up for long.
MOST = 5_000
# A mail that could not leave for so long is given up; one that was not even written is no news either.
NEWS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Ending:
    """A kind of end: its event, the column that says when it is, the one that says until which it was noted.

    `due` is what its partial index holds, `told` which of them are worth telling, `closes` what ends with them.
    """

    event: str
    ends: str
    noted: str
    due: str
    told: str = LIVE
    closes: str = "SELECT"


UNUSED = """NOT EXISTS (SELECT FROM bookings b WHERE b.student_package_id = k.id
                     AND b.payment_type = 'FRIEND_PASS' AND b.status <> 'CANCELLED')"""
# A pass that is nothing else ends as one; a bundle with credits ends as a package too, maybe later.
HAS_CREDITS = """(k.all_access_expires_at IS NULL
                     OR EXISTS (SELECT FROM student_package_allowances a WHERE a.student_package_id = k.id))"""
PASSES = Ending("pass.expired", "all_access_expires_at", "pass_expiry_noted", PASS_ENDING)
PACKAGES = Ending(
    "package.expired", "expires_at", "expiry_noted", ENDING, told=f"{LIVE} AND {HAS_CREDITS}", closes=CLOSE
)
FRIENDS = Ending(
    "friend_pass.expired",
    "friend_pass_expires_at",
    "friend_expiry_noted",
    FRIEND_ENDING,
    told=f"{LIVE} AND {UNUSED}",
)

# Whoever is at work with a student has the next turn.
HOLD = """
SELECT id FROM students
 WHERE id IN (SELECT student_id FROM student_packages WHERE {due} AND {ends} <= %(at)s ORDER BY {ends}, id LIMIT {most})
 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""

# Where the payment went back or is disputed nobody is told, until it comes back: it is noted a second beyond its end
# (domain.purchase.withheld). What a student is, is what they hold.
END = """
WITH noted AS (
  UPDATE student_packages k
     SET {noted} = k.{ends} + CASE WHEN {live} THEN interval '0' ELSE interval '1 second' END
    FROM orders o LEFT JOIN payments p ON p.id = o.payment_id
   WHERE k.student_id = ANY(%(students)s) AND {due} AND k.{ends} <= %(at)s AND o.id = k.order_id
  RETURNING k.id, k.organization_id, k.student_id, k.order_id, k.product_code, k.{ends} AS ended_at, {told} AS is_told
), told AS (
  SELECT *, row_number() OVER (PARTITION BY student_id ORDER BY ended_at, id) AS n FROM noted WHERE is_told
), changed AS (
  UPDATE students s
     SET event_sequence = s.event_sequence + x.told, is_elite_member = flags.elite, has_all_access = flags.pass_now,
         all_access_expires_at = flags.pass_until
    FROM (SELECT student_id, count(*) FILTER (WHERE is_told) AS told FROM noted GROUP BY 1) x
   CROSS JOIN LATERAL ({flags}) flags
   WHERE s.id = x.student_id
), closed AS ({closes}), mails AS (
  INSERT INTO notifications
         (organization_id, student_id, kind, dedupe_key, student_package_id, message_id, due_at, created_at)
  SELECT t.organization_id, t.student_id, %(event)s,
         'package:' || t.id || ':' || extract(epoch FROM t.ended_at)::bigint, t.id, gen_random_uuid(), %(at)s, %(at)s
    FROM told t JOIN students s ON s.id = t.student_id
   WHERE %(event)s = 'pass.expired' AND s.email IS NOT NULL AND t.ended_at > %(news)s
   ORDER BY t.student_id, t.n
  ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
), events AS (
  INSERT INTO domain_events
         (organization_id, student_id, type, subject, sequence, data, message_id, due_at, created_at)
  SELECT t.organization_id, t.student_id, %(event)s, 'package/' || t.id, s.event_sequence + t.n,
         jsonb_build_object('packageId', t.id, 'orderId', t.order_id, 'productCode', t.product_code,
                            'studentId', s.external_id, 'expiredAt', {written}),
         gen_random_uuid(), %(at)s, %(at)s
    FROM told t JOIN students s ON s.id = t.student_id
   ORDER BY t.student_id, t.n
)
SELECT count(*) AS noted FROM noted
"""
# As instants are written everywhere else.
WRITTEN = "to_char(t.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


def end(session: Session, kind: Ending, *, at: datetime) -> int:
    """Note some of the ends of a kind that have come, and tell of them; return how many, 0 where there are none left.

    Students who are held by somebody else are left to the next turn, and may be all that is left.
    """
    names = {"due": kind.due, "ends": kind.ends, "most": MOST}
    students = [row["id"] for row in fetch(session, HOLD.format(**names), at=at)]
    if not students:
        return 0
    statement = END.format(
        **names, noted=kind.noted, told=kind.told, live=LIVE, closes=kind.closes, flags=FLAGS_OF, written=WRITTEN
    )
    (row,) = fetch(session, statement, students=students, event=kind.event, news=at - NEWS, at=at)
    return int(row["noted"])
