"""Refunds that were ordered here, with what they took back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import RefundStatus
from db.transaction import fetch
from domain.booking.shape import written

OF_ORDERS = """
SELECT r.id, r.order_id, r.amount, r.currency, r.status, r.stripe_refund_id, r.is_whole, r.reason, r.actor,
       r.last_error, r.created_at, r.finished_at,
       coalesce((SELECT jsonb_agg(jsonb_build_array(u.allowance_id, u.credits) ORDER BY u.id) FROM package_uses u
                  WHERE u.refund_id = r.id AND u.credits > 0), '[]') AS taken
  FROM refunds r WHERE r.order_id = ANY(%(orders)s) ORDER BY r.id
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Credits that a refund took back."""

    allowance_id: int
    credits: int


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund, in minor units of `currency`; what it took back came back to the ledger where it FAILED."""

    id: int
    order_id: int
    amount: int
    currency: str
    status: RefundStatus
    stripe_refund_id: str | None
    is_whole: bool
    reason: str
    actor: str
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None
    taken_back: tuple[Taken, ...]


def refunds_of(session: Session, orders: Sequence[int]) -> dict[int, list[RefundView]]:
    """Return the refunds of orders that were ordered here, by order, oldest first."""
    found: dict[int, list[RefundView]] = defaultdict(list)
    for row in fetch(session, OF_ORDERS, orders=list(orders)) if orders else []:
        taken = tuple(Taken(*each) for each in row.pop("taken"))
        found[row["order_id"]].append(RefundView(**row | {"status": RefundStatus(row["status"])}, taken_back=taken))
    return found


def shown(refund: RefundView) -> dict[str, Any]:
    """Return a refund as JSON: the shape of a job's result, which is its student's to read."""
    return {
        "id": refund.id,
        "orderId": refund.order_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status.value,
        "stripeRefundId": refund.stripe_refund_id,
        "takenBack": [{"allowanceId": each.allowance_id, "credits": each.credits} for each in refund.taken_back],
        "isWhole": refund.is_whole,
        "reason": refund.reason,
        "createdAt": written(refund.created_at),
    }
