"""Other names of payments: Stripe pays an invoice by a PaymentIntent, and refunds and disputes name that alone.

What was said under a PaymentIntent's name belongs to the invoice that it pays, whichever was heard of first. The row of
the other name stays, so that the unique key of payments guards it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import GrantStatus, Payment, PaymentStatus
from db.transaction import fetch
from domain.purchase.fact import Fact, Facts, PurchaseFact
from domain.purchase.standing import Key, Standing, changed_columns

# Which of some payments are other names, or pay for a period of a subscription.
NAMES = """
SELECT p.organization_id, p.stripe_key, whole.stripe_key AS whole,
       coalesce(whole.subscription_key, p.subscription_key) AS subscription
  FROM payments p LEFT JOIN payments whole ON whole.id = p.part_of
 WHERE p.organization_id = ANY(%(organizations)s) AND p.stripe_key = ANY(%(keys)s)
   AND (p.part_of IS NOT NULL OR p.subscription_key IS NOT NULL)
"""
# One that bought something by itself stays what it is: nobody gets the same twice, and staff see both.
PARTS = """
SELECT p.id, p.organization_id, p.stripe_key, p.facts FROM payments p
 WHERE p.organization_id = ANY(%(organizations)s) AND p.stripe_key = ANY(%(keys)s) AND p.part_of IS NULL
   AND NOT EXISTS (SELECT FROM orders o WHERE o.payment_id = p.id)
 ORDER BY p.stripe_key, p.organization_id FOR NO KEY UPDATE OF p
"""


@dataclass(frozen=True, slots=True)
class Names:
    """The payments that other names mean, by what was known before and what is said now, and their subscriptions."""

    wholes: Mapping[Key, Key]
    links: Mapping[Key, Key]
    subscriptions: frozenset[Key]

    def settled(self, key: Key) -> Key:
        """Return the payment that a name means."""
        return self.wholes.get(key) or self.links.get(key) or key


def read_names(session: Session, facts: Iterable[tuple[int, Fact]], keys: Sequence[Key]) -> Names:
    """Return what the names of payments mean, in a batch that says `facts` of organizations, with one statement."""
    said = [(organization, fact) for organization, fact in facts if isinstance(fact, PurchaseFact)]
    subscriptions = {(organization, fact.subscription) for organization, fact in said if fact.subscription}
    rows = []
    if keys:
        organizations, names = (list(set(column)) for column in zip(*keys, strict=True))
        rows = fetch(session, NAMES, organizations=organizations, keys=names)
    known = {(row["organization_id"], row["stripe_key"]): row for row in rows}
    wholes = {key: (key[0], row["whole"]) for key, row in known.items() if row["whole"]}
    subscriptions |= {(key[0], row["subscription"]) for key, row in known.items() if row["subscription"]}
    of_subscriptions = {key for key, row in known.items() if row["subscription"] and not row["whole"]}
    of_subscriptions |= {(each, fact.key) for each, fact in said if fact.subscription}
    links = {(each, fact.intent): (each, fact.key) for each, fact in said if fact.intent and fact.intent != fact.key}
    # An invoice of a single purchase is that purchase's, whose PaymentIntent is its name.
    links = {part: whole for part, whole in links.items() if whole in of_subscriptions}
    return Names(wholes, links, frozenset(subscriptions))


def attach(session: Session, names: Names, standing: Mapping[Key, Standing], *, at: datetime) -> dict[Key, Standing]:
    """Make PaymentIntents other names of the invoices that they pay; return where those stand with what came of it."""
    links = {part: whole for part, whole in names.links.items() if part not in names.wholes and whole in standing}
    if not links:
        return {}
    rows = [_row(part, standing[whole], at) for part, whole in sorted(links.items(), key=lambda each: each[0][::-1])]
    insert(session, Payment, rows, conflict="(organization_id, stripe_key) DO NOTHING")
    organizations, keys = (list(set(column)) for column in zip(*links, strict=True))
    parts = fetch(session, PARTS, organizations=organizations, keys=keys)
    found = {key: row for row in parts if (key := (row["organization_id"], row["stripe_key"])) in links}
    update(session, Payment, [_emptied(row["id"], standing[links[key]]) for key, row in found.items()])
    told: dict[Key, Standing] = {}
    for key, row in found.items():
        whole = links[key]
        told[whole] = _with(told.get(whole, standing[whole]), row["facts"])
    update(session, Payment, [changed_columns(each, at=at) for each in told.values()])
    return told


def _row(part: Key, whole: Standing, at: datetime) -> dict[str, object]:
    """Return the row of another name, empty."""
    owner = {"organization_id": part[0], "stripe_key": part[1], "received_at": at}
    return owner | {"part_of": whole.payment_id} | _nothing(whole.purchase.currency)


def _emptied(row_id: int, whole: Standing) -> dict[str, object]:
    return {"id": row_id, "part_of": whole.payment_id} | _nothing(whole.purchase.currency)


def _nothing(currency: str) -> dict[str, object]:
    """Return the columns of a payment of which nothing is told under its name."""
    money = {"amount_received": 0, "amount_refunded": 0, "currency": currency, "dispute_status": None}
    status = {"status": PaymentStatus.PENDING.value, "grant_status": GrantStatus.VALID.value}
    return money | status | {"facts": {}, "stripe_customer_id": None}


def _with(whole: Standing, facts: Facts) -> Standing:
    """Return where a payment stands with what was said under its other name."""
    purchase = whole.purchase.joined(facts)
    return replace(whole, purchase=purchase, is_changed=whole.is_changed or purchase.facts != whole.purchase.facts)
