"""Other names of payments: Stripe pays an invoice by a PaymentIntent, and refunds and disputes name that alone.

What was said under a PaymentIntent's name belongs to the invoice that it pays, whichever was heard of first. The row of
the other name stays, so that the unique key of payments guards it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import Payment
from db.transaction import fetch
from domain.purchase.fact import Fact, Facts, PurchaseFact
from domain.purchase.standing import Key, Standing, changed_columns, nothing_told

# Which of some payments are other names, or pay for a period of a subscription.
NAMES = """
SELECT p.organization_id, p.stripe_key, whole.stripe_key AS whole,
       coalesce(whole.subscription_key, p.subscription_key) AS subscription
  FROM payments p LEFT JOIN payments whole ON whole.id = p.part_of
 WHERE p.organization_id = ANY(%(organizations)s) AND p.stripe_key = ANY(%(keys)s)
   AND (p.part_of IS NOT NULL OR p.subscription_key IS NOT NULL)
"""
# They are held. One that bought something by itself stays what it is: nobody gets the same twice, and staff see both.
PARTS = """
SELECT p.id, p.organization_id, p.stripe_key, p.facts FROM payments p
 WHERE p.organization_id = ANY(%(organizations)s) AND p.stripe_key = ANY(%(keys)s) AND p.part_of IS NULL
   AND NOT EXISTS (SELECT FROM orders o WHERE o.payment_id = p.id)
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

    @property
    def parts(self) -> dict[Key, Key]:
        """The names that become other names of payments, with these: all payments of which something is said now."""
        new = {part: whole for part, whole in self.links.items() if part not in self.wholes}
        return {part: whole for part, whole in new.items() if self.settled(whole) == whole}


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


def attach(
    session: Session, parts: Mapping[Key, Key], standing: Mapping[Key, Standing], *, at: datetime
) -> dict[Key, Standing]:
    """Make PaymentIntents other names of the invoices that they pay; return where those stand with what came of it.

    The rows of both are held (`domain.purchase.standing.record`).
    """
    if not parts:
        return {}
    organizations, keys = (list(set(column)) for column in zip(*parts, strict=True))
    rows = fetch(session, PARTS, organizations=organizations, keys=keys)
    found = {key: row for row in rows if (key := (row["organization_id"], row["stripe_key"])) in parts}
    update(session, Payment, [_emptied(row["id"], standing[parts[key]]) for key, row in found.items()])
    told: dict[Key, Standing] = {}
    for key, row in found.items():
        if row["facts"]:
            whole = parts[key]
            told[whole] = _with(told.get(whole, standing[whole]), row["facts"])
    update(session, Payment, [changed_columns(each, at=at) for each in told.values()])
    return told


def _emptied(row_id: int, whole: Standing) -> dict[str, object]:
    return {"id": row_id, "part_of": whole.payment_id} | nothing_told(whole.purchase.currency)


def _with(whole: Standing, facts: Facts) -> Standing:
    """Return where a payment stands with what was said under its other name."""
    purchase = whole.purchase.joined(facts)
    return replace(whole, purchase=purchase, is_changed=whole.is_changed or purchase.facts != whole.purchase.facts)
