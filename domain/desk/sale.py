"""A sale at the desk: an order without a payment, granted and written as one that Stripe paid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import OrderStatus
from domain.desk.pricing import Deal
from domain.purchase.grant import Decision, Row, grant, order_of, paid_for
from domain.purchase.grant_rows import write
from domain.purchase.holder import Holder, refresh_flags
from domain.purchase.recognition import SaleLine


@dataclass(frozen=True, slots=True)
class Handover:
    """A deal with a student: who handed it over, as in a job's `caller`, with which coupon, and what they noted."""

    deal: Deal
    holder: Holder
    redeemed_by: str
    coupon_id: int | None = None
    notes: str | None = None


def decide(handover: Handover, *, at: datetime) -> Decision:
    """Say what a deal grants its student: a paid order, and its package."""
    deal = handover.deal
    names = {
        "redemption_type": deal.redemption_type.value,
        "coupon_id": handover.coupon_id,
        "notes": handover.notes,
        "redeemed_by": handover.redeemed_by,
    }
    unit = grant(deal.product, handover.holder, at=at)
    granted = replace(unit, package=unit.package | names, bonus=deal.bonus)
    return Decision(new_orders=[_order(handover, at=at)], grants=[granted])


def _order(handover: Handover, *, at: datetime) -> Row:
    deal, product = handover.deal, handover.deal.product
    owner = {"organization_id": product.organization_id, "student_id": handover.holder.id, "payment_id": None}
    bought = order_of([SaleLine(product, 1)]) | {"currency": product.currency}
    return owner | bought | paid_for(OrderStatus.PAID, deal.paid, deal.sessions) | {"created_at": at}


def hand_over(session: Session, handover: Handover, *, at: datetime) -> int:
    """Write what a deal grants, and keep the student's flags; return the package."""
    (placed,) = write(session, decide(handover, at=at), at=at)
    refresh_flags(session, [handover.holder.id], at=at)
    return placed.package_id
