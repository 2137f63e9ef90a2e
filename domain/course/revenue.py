"""What courses brought in, in minor units of each currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.course.report import Key

# An order of several products counts for each by its list price: shares are rounded cumulatively, in the order of the
# products, so that they add up to the order. Where all are free, by units. Money of a lost dispute went back.
REVENUE = """
WITH bought AS (
    SELECT o.id, o.currency, o.list_price, o.paid, k.product_id, count(*) AS units, sum(r.price) AS price,
           CASE p.dispute_status WHEN 'LOST' THEN p.amount_received ELSE coalesce(p.amount_refunded, 0) END AS refunded
      FROM orders o
      JOIN student_packages k ON k.order_id = o.id
      JOIN products r ON r.id = k.product_id
      LEFT JOIN payments p ON p.id = o.payment_id
     WHERE o.organization_id = %(organization)s AND o.order_type = 'COURSE'
       AND (%(since)s::timestamptz IS NULL OR o.created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR o.created_at < %(until)s)
     GROUP BY o.id, p.id, k.product_id
), weighed AS (
    SELECT *, CASE sum(price) OVER (PARTITION BY id) WHEN 0 THEN units ELSE price END AS weight FROM bought
), shared AS (
    SELECT *, sum(weight) OVER (PARTITION BY id) AS whole,
           sum(weight) OVER (PARTITION BY id ORDER BY product_id) AS upto
      FROM weighed
)
SELECT c.id AS program_id, r.code AS course_code, r.name AS course_title, s.currency, count(*) AS orders,
       sum(round(list_price * upto / whole) - round(list_price * (upto - weight) / whole))::bigint AS list,
       sum(round(paid * upto / whole) - round(paid * (upto - weight) / whole))::bigint AS paid,
       sum(round(refunded * upto / whole) - round(refunded * (upto - weight) / whole))::bigint AS refunded
  FROM shared s
  JOIN course_programs c ON c.product_id = s.product_id
  JOIN products r ON r.id = s.product_id
 GROUP BY c.id, r.id, s.currency ORDER BY c.id, s.currency
"""


@dataclass(frozen=True, slots=True)
class RevenueLine:
    """What a course brought in, in minor units of `currency`; `list` is what it would have cost as it was on sale."""

    course_code: str
    course_title: str
    currency: str
    orders: int
    list: int
    paid: int
    refunded: int
    key: Key

    @property
    def net(self) -> int:
        """What stays."""
        return self.paid - self.refunded


def revenue_report(
    session: Session, organization_id: int, since: datetime | None, until: datetime | None
) -> list[RevenueLine]:
    """Return what courses brought in by orders that were made in [since, until), with one statement."""
    rows = fetch(session, REVENUE, organization=organization_id, since=since, until=until)
    return [RevenueLine(key=(row.pop("program_id"), row["currency"]), **row) for row in rows]
