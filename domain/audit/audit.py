"""Every invariant as a question to the database: what it returns is a violation. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.models import DisputeStatus
from db.transaction import fetch
from domain.audit.bookings import BOOKINGS
from domain.audit.courses import COURSES
from domain.audit.desk import DESK
from domain.audit.invariant import Invariant
from domain.audit.ledger import LEDGER
from domain.audit.money import MONEY
from domain.audit.refunds import REFUNDS
from domain.audit.subscriptions import SUBSCRIPTIONS
from domain.audit.waitlist import WAITLISTS
from domain.purchase.payment import Purchase
from domain.subscription.renew import adrift

# A drain takes moments, a sweep some seconds, a lease two minutes: what is due longer is stuck.
STUCK_AFTER = timedelta(minutes=5)
# Enough to see a pattern; the count says how many there are.
EXAMPLES = 20
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not hold."""

    invariant: str
    what: str


PAYMENTS = """
SELECT id, organization_id, stripe_key, status, facts, amount_received, currency, amount_refunded, dispute_status,
       grant_status, subscription_key, suspended_at IS NOT NULL AS is_suspended,
       (SELECT o.status FROM orders o WHERE o.payment_id = payments.id) AS order_status
  FROM payments WHERE id > %(after)s AND part_of IS NULL ORDER BY id LIMIT %(limit)s
"""

FACTS = Invariant("payment.follows_facts", "a payment and its order are what the set of Stripe's facts makes them", "")

ENDS = Invariant("subscription.ends", "what a subscription granted ends as all that Stripe said of it makes it", "")


def rules() -> Sequence[Invariant]:
    """Return all that is checked."""
    return (*MONEY, *LEDGER, *BOOKINGS, *WAITLISTS, *COURSES, *DESK, *REFUNDS, *SUBSCRIPTIONS, FACTS, ENDS)


def check(session: Session, invariant: Invariant, *, at: datetime) -> list[Violation]:
    """Return where an invariant does not hold at an instant."""
    if invariant is FACTS:
        return [Violation(FACTS.name, f"payment {payment}") for payment in _unfaithful(session)]
    if invariant is ENDS:
        return [Violation(ENDS.name, f"package {package}") for package in adrift(session)]
    values = {"at": at, "stuck": at - STUCK_AFTER}
    return [Violation(invariant.name, row["what"]) for row in fetch(session, invariant.statement, **values)]


def audit(session: Session, *, at: datetime) -> list[Violation]:
    """Return every violation of every invariant."""
    return [violation for invariant in rules() for violation in check(session, invariant, at=at)]


def _unfaithful(session: Session) -> Iterator[int]:
    """Compute every payment anew from its facts; yield those that say something else."""
    after = 0
    while rows := fetch(session, PAYMENTS, after=after, limit=PAGE):
        for row in rows:
            purchase = Purchase(row["organization_id"], row["stripe_key"], row["facts"])
            stored = (row["status"], row["amount_received"], row["currency"], row["amount_refunded"])
            said = (purchase.status, purchase.received, purchase.currency, purchase.refunded)
            agrees = stored == said and row["dispute_status"] == purchase.dispute
            agrees &= row["grant_status"] == purchase.grant_status
            is_disputed = purchase.dispute is DisputeStatus.OPEN
            agrees &= row["is_suspended"] == is_disputed and row["subscription_key"] == purchase.subscription
            if not agrees or row["order_status"] not in {None, purchase.order_status}:
                yield row["id"]
        after = rows[-1]["id"]
