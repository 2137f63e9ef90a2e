"""Orders that were begun and never paid: given up after a month, unless Stripe says later that they were paid."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.models import PaymentStatus
from db.transaction import fetch
from domain.purchase.fact import CLOCK, PurchaseFact
from domain.purchase.fulfillment import fulfil
from domain.purchase.told import Told

# Debits and transfers take up to fourteen days on which banks work; a month is more.
GIVE_UP_AFTER = timedelta(days=30)
# Of one transaction.
MOST = 500

FIND = f"""
SELECT p.id, p.organization_id, p.stripe_key, p.currency
  FROM orders o JOIN payments p ON p.id = o.payment_id
 WHERE o.status = 'PENDING' AND p.status = 'PENDING' AND o.created_at <= %(before)s
 ORDER BY o.created_at, o.id LIMIT {MOST}
"""  # noqa: S608 - our own number


def give_up(session: Session, *, at: datetime) -> int:
    """Give up some of the orders that were never paid; return how many, 0 where there are none left.

    It is a fact like those that Stripe tells: a payment that succeeds after all wins over it.
    """
    found = fetch(session, FIND, before=at - GIVE_UP_AFTER)
    told = [Told(row["id"], row["organization_id"], (_given_up(row["stripe_key"], row["currency"]),)) for row in found]
    fulfil(session, told, at=at)
    return len(found)


def _given_up(key: str, currency: str) -> PurchaseFact:
    return PurchaseFact(teller=CLOCK, key=key, status=PaymentStatus.EXPIRED.value, amount=0, currency=currency)
