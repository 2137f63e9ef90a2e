"""All that is left of a payment, ordered to go back: until Stripe says what becomes of it, it is not to be used."""

from __future__ import annotations

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import Payment
from domain.purchase.fact import ORDERED, WholeRefundFact, merge
from domain.purchase.payment import Purchase


def say(session: Session, payment_id: int, purchase: Purchase, refund_id: int, status: str = ORDERED) -> None:
    """Add to what is known of a payment that a refund of ours is to give it back, or that nobody will; it is held."""
    facts = merge(purchase.facts, [WholeRefundFact.of(refund_id, purchase.key, status)])
    by_now = Purchase(purchase.organization_id, purchase.key, facts)
    update(session, Payment, [{"id": payment_id, "facts": facts, "grant_status": by_now.grant_status.value}])
