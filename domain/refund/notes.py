"""What staff must look at: noted once for each fact, taken off the list where it is no longer so, told by mail."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy.orm import Session

from db.models import OrderStatus, ReviewKind
from db.transaction import Rows, fetch
from domain.mail.order_review_mail import REVIEW
from domain.purchase.payment import Purchase
from domain.refund.consumed import consumed
from domain.refund.telling import NEEDS_REVIEW, tell

# Why, and the Stripe id of the fact; what Stripe refused has none, and is named after ours.
Note = tuple[ReviewKind, str]

# What follows from facts about a payment; a coupon that had no use left is noted once, by whoever sees it.
FOLLOWING = (ReviewKind.PARTIAL_REFUND, ReviewKind.REFUND_FAILED, ReviewKind.CONSUMED, ReviewKind.DISPUTED)
REVIEWED = """
SELECT DISTINCT k.order_id FROM student_packages k JOIN products d ON d.id = k.product_id
 WHERE k.order_id = ANY(%(orders)s) AND d.refund_policy = 'REVIEW'
"""
WANTED = """
jsonb_array_elements(%(notes)s::jsonb) AS x (said)
CROSS JOIN LATERAL (SELECT (x.said ->> 0)::bigint AS order_id, x.said ->> 1 AS kind, x.said ->> 2 AS about) n
"""
# What somebody has settled stays on record.
DROP = f"""
DELETE FROM order_reviews r
 WHERE r.order_id = ANY(%(orders)s) AND r.kind = ANY(%(kinds)s) AND r.resolved_at IS NULL
   AND NOT EXISTS (SELECT FROM {WANTED} WHERE (n.order_id, n.kind, n.about) = (r.order_id, r.kind, r.about))
"""  # noqa: S608 - our own text
NOTE = f"""
INSERT INTO order_reviews (organization_id, order_id, kind, about, created_at)
SELECT o.organization_id, o.id, n.kind, n.about, %(at)s FROM {WANTED} JOIN orders o ON o.id = n.order_id
 ORDER BY o.id, n.kind, n.about
ON CONFLICT (order_id, kind, about) DO NOTHING
RETURNING id, order_id, kind
"""  # noqa: S608 - our own text
MAIL = """
INSERT INTO notifications (organization_id, kind, dedupe_key, order_id, message_id, due_at, created_at)
SELECT r.organization_id, %(mail)s, 'review:' || r.id, r.order_id, gen_random_uuid(), %(at)s, %(at)s
  FROM order_reviews r JOIN organizations g ON g.id = r.organization_id
 WHERE r.id = ANY(%(reviews)s) AND g.staff_email IS NOT NULL ORDER BY r.id
ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Order:
    """An order, its payment, and which of Stripe's refunds were ordered here, by Stripe's ids.

    `refused` are those of ours, by their own ids, that took credits back and that Stripe did not make.
    """

    id: int
    purchase: Purchase
    ours: Collection[str]
    refused: Collection[int] = ()


def refusal_of(refund_id: int) -> str:
    """Return by what a note names a refund of ours that Stripe has no name for: it did not make it."""
    return f"refund:{refund_id}"


def settle(session: Session, orders: Sequence[Order], *, at: datetime) -> None:
    """Have the list say of orders what follows from their payments by now; the caller holds their students."""
    ids = [order.id for order in orders]
    used = consumed(session, [order.id for order in orders if order.purchase.is_revoked], at=at)
    reviewed = {row["order_id"] for row in fetch(session, REVIEWED, orders=list(used))} if used else set()
    notes = [(order.id, kind, about) for order in orders for kind, about in _notes(order, is_used=order.id in reviewed)]
    said = orjson.dumps(notes).decode()
    fetch(session, DROP, orders=ids, kinds=[kind.value for kind in FOLLOWING], notes=said)
    _tell(session, fetch(session, NOTE, notes=said, at=at) if notes else [], at=at)


def note(session: Session, notes: Sequence[tuple[int, ReviewKind, str]], *, at: datetime) -> None:
    """Put orders before staff: each with why, and the Stripe id of the fact; the caller holds their students."""
    if notes:
        _tell(session, fetch(session, NOTE, notes=orjson.dumps(notes).decode(), at=at), at=at)


def _notes(order: Order, *, is_used: bool) -> Iterator[Note]:
    """Yield what is to be looked at; what `is_used` and went back is a person's to decide."""
    purchase = order.purchase
    for said in purchase.refunds:
        if not said.counts:
            yield ReviewKind.REFUND_FAILED, said.id
        elif said.id not in order.ours and purchase.order_status is OrderStatus.PARTIALLY_REFUNDED:
            yield ReviewKind.PARTIAL_REFUND, said.id
    for refund_id in order.refused:
        yield ReviewKind.REFUND_FAILED, refusal_of(refund_id)
    for dispute in purchase.disputes:
        yield ReviewKind.DISPUTED, dispute
    if is_used:
        yield ReviewKind.CONSUMED, purchase.key


def _tell(session: Session, reviews: Rows, *, at: datetime) -> None:
    """Tell staff, and other systems, of what was noted just now."""
    if not reviews:
        return
    fetch(session, MAIL, mail=REVIEW, reviews=[row["id"] for row in reviews], at=at)
    tell(session, NEEDS_REVIEW, [(r["order_id"], {"reviewId": r["id"], "kind": r["kind"]}) for r in reviews], at=at)
