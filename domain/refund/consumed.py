"""Whether something of an order was consumed: what was taken part in, given up too late, or slept through."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch

# A booking that stands counts from its start on, whatever paid for it: credits, a day of a pass, a step, a friend pass.
# What came back with a missed step that was opened again does not. An older system spent without bookings.
CONSUMED = """
SELECT o.id FROM unnest(%(orders)s::bigint[]) AS o (id)
 WHERE EXISTS (SELECT FROM student_packages k JOIN bookings b ON b.student_package_id = k.id
                WHERE k.order_id = o.id AND NOT b.metadata ? 'reopenedAt'
                  AND (b.status IN ('COMPLETED', 'NO_SHOW', 'FORFEITED')
                       OR b.status = 'CONFIRMED' AND b.start_at <= %(at)s))
    OR 0 < (SELECT sum(u.credits) FROM student_packages k
              JOIN student_package_allowances a ON a.student_package_id = k.id
              JOIN package_uses u ON u.allowance_id = a.id AND u.booking_id IS NULL AND u.kind IN ('SPEND', 'RETURN')
             WHERE k.order_id = o.id)
"""


def consumed(session: Session, orders: Collection[int], *, at: datetime) -> set[int]:
    """Return those of some orders of which something was consumed by an instant."""
    return {row["id"] for row in fetch(session, CONSUMED, orders=list(orders), at=at)} if orders else set()
