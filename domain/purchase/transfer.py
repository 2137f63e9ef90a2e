"""A purchase goes to whom the whole set of facts names, also when the fact that names them comes last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import ReviewKind
from db.transaction import fetch
from domain.desk.coupon_batch import hand_over
from domain.purchase.clash import free_clashes
from domain.purchase.grant import Sale
from domain.refund.notes import note

# By order, who gives and who takes it.
Moves = dict[int, tuple[int, int]]

# Purchases of a Stripe customer that named nobody follow the student whom a purchase of that customer named.
FOLLOWERS = """
SELECT o.id AS order_id, o.student_id AS giver, link.student_id AS taker
  FROM stripe_customers link
  JOIN payments p ON p.organization_id = link.organization_id AND p.stripe_customer_id = link.stripe_customer_id
  JOIN orders o ON o.payment_id = p.id
  JOIN students s ON s.id = o.student_id AND s.external_id IS NULL
 WHERE link.organization_id = ANY(%(organizations)s) AND link.stripe_customer_id = ANY(%(customers)s)
   AND o.student_id <> link.student_id
"""

MOVES = (
    "UPDATE orders SET student_id = new.taker FROM {moves} WHERE orders.id = new.order_id",
    "UPDATE student_packages SET student_id = new.taker FROM {moves} WHERE student_packages.order_id = new.order_id",
    """UPDATE student_course_enrollments SET student_id = new.taker FROM {moves}, student_packages k
        WHERE k.order_id = new.order_id AND student_course_enrollments.student_package_id = k.id""",
    """UPDATE bookings SET student_id = new.taker FROM {moves}
        WHERE bookings.order_id = new.order_id AND bookings.guest_of IS NULL AND bookings.id <> ALL(%(kept)s)""",
    # Guests are where their hosts are, whoever brought them.
    """UPDATE bookings SET student_id = host.student_id FROM bookings host
        WHERE host.id = bookings.guest_of AND host.student_id <> bookings.student_id
          AND (host.order_id = ANY(%(orders)s) OR bookings.order_id = ANY(%(orders)s))""",
    """UPDATE all_access_daily_usages SET student_id = new.student_id, slot = new.number
         FROM unnest(%(uses)s::bigint[], %(students)s::bigint[], %(slots)s::smallint[]) AS new (id, student_id, number)
        WHERE all_access_daily_usages.id = new.id""",
    """UPDATE notifications SET student_id = new.taker, status = 'PENDING' FROM {moves}
        WHERE notifications.order_id = new.order_id AND notifications.status <> 'SENT'""",
)
ARRAYS = "unnest(%(orders)s::bigint[], %(takers)s::bigint[]) AS new (order_id, taker)"


def moves_of(session: Session, sales: Sequence[Sale]) -> Moves:
    """Return which orders go from whom to whom: to those who bought them after all."""
    moves = {
        order.id: (order.student_id, sale.student_id)
        for sale in sales
        if (order := sale.standing.order) and order.student_id != sale.student_id
    }
    return moves | _followers(session, [sale for sale in sales if sale.purchase.external_id and sale.purchase.customer])


def transfer(session: Session, moves: Moves, *, at: datetime) -> None:
    """Give orders, with all that hangs on them and fits, to their buyers; students and coupons concerned are held.

    What is over stays on its giver's record where it does not fit. A coupon that its taker has used as often as one
    may stays used by its giver, and is put before staff.
    """
    if not moves:
        return
    takers = [taker for _, taker in moves.values()]
    kept = free_clashes(session, dict(zip(moves, takers, strict=True)), at=at)
    slots: Mapping[str, list[int]] = {
        "uses": [slot.usage_id for slot in kept.slots],
        "students": [slot.student_id for slot in kept.slots],
        "slots": [slot.number for slot in kept.slots],
    }
    values = {"orders": list(moves), "takers": takers, "kept": list(kept.bookings)}
    for statement in MOVES:
        fetch(session, statement.format(moves=ARRAYS), **values, **slots)
    left = hand_over(session, list(moves), at=at)
    note(session, [(order, ReviewKind.COUPON_EXHAUSTED, f"coupon_use:{use}") for order, use in left], at=at)


def _followers(session: Session, named: Sequence[Sale]) -> Moves:
    if not named:
        return {}
    organizations = list({sale.purchase.organization_id for sale in named})
    customers = list({sale.purchase.customer for sale in named})
    rows = fetch(session, FOLLOWERS, organizations=organizations, customers=customers)
    return {row["order_id"]: (row["giver"], row["taker"]) for row in rows}
