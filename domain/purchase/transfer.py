"""A purchase goes to whom the whole set of facts names, also when the fact that names them comes last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.purchase.clash import free_clashes
from domain.purchase.grant import Sale

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
    "UPDATE bookings SET student_id = new.taker FROM {moves} WHERE bookings.order_id = new.order_id",
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
    """Give orders, with all that hangs on them and fits, to their buyers; all students concerned are held."""
    if not moves:
        return
    takers = [taker for _, taker in moves.values()]
    free_clashes(session, dict(zip(moves, takers, strict=True)), at=at)
    for statement in MOVES:
        fetch(session, statement.format(moves=ARRAYS), orders=list(moves), takers=takers)


def _followers(session: Session, named: Sequence[Sale]) -> Moves:
    if not named:
        return {}
    organizations = list({sale.purchase.organization_id for sale in named})
    customers = list({sale.purchase.customer for sale in named})
    rows = fetch(session, FOLLOWERS, organizations=organizations, customers=customers)
    return {row["order_id"]: (row["giver"], row["taker"]) for row in rows}
