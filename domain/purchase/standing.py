"""What the database knows of payments: locked, so that nothing about them can change under a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import DisputeStatus, GrantStatus, Payment, PaymentStatus
from db.transaction import fetch
from domain.purchase.fact import INVOICE_PAYMENT, Fact, PurchaseFact, merge
from domain.purchase.payment import Purchase

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """The order that a payment pays, as it was written; `fulfilled` where its packages stand."""

    id: int
    student_id: int
    external_id: str | None
    status: str
    paid: int
    list_price: int
    discount: int
    sessions: int
    fulfilled: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """One payment with all that Stripe said of it by now, and the order that it paid, if there is one.

    `received_at` is when it was first heard of, `before` what was known until now, `suspended_at` since when a dispute
    kept what it bought from being used, by what was known until now.
    """

    purchase: Purchase
    payment_id: int
    is_new: bool
    is_changed: bool
    received_at: datetime
    order: StandingOrder | None = None
    before: Purchase | None = None
    suspended_at: datetime | None = None

    @property
    def refunds(self) -> list[str]:
        """The ids of refunds that succeeded, but for those that were known when the order stood."""
        known = self.before.refunds_done if self.before and self.order else []
        return [refund for refund in self.purchase.refunds_done if refund not in known]

    @property
    def tells_of_refunds(self) -> bool:
        """Whether more is known about its refunds than was."""
        return self.before is not None and self.before.refunds != self.purchase.refunds

    @property
    def order_stays(self) -> bool:
        """Whether its order stays with its student: it names nobody, and nothing in it could find them better.

        A guest who was adopted meanwhile is no guest any more, and would not be found by e-mail.
        """
        if self.order is None or self.purchase.external_id:
            return False
        return bool(self.order.external_id) or not (self.purchase.email or self.purchase.customer)

    @property
    def fulfilled(self) -> bool:
        """Whether what was bought was granted."""
        return self.order is not None and self.order.fulfilled


KNOWN = """
SELECT p.id AS payment_id, p.organization_id, p.stripe_key, p.facts, p.received_at, p.suspended_at, p.part_of
  FROM payments p
 WHERE p.organization_id = ANY(%(organizations)s) AND p.stripe_key = ANY(%(keys)s)
 ORDER BY p.stripe_key FOR NO KEY UPDATE
"""

# The key of a student stays while we look: nobody adopts a guest meanwhile.
ORDERED = """
SELECT o.payment_id, o.id, o.student_id, s.external_id, o.status, o.paid, o.list_price, o.discount,
       (o.package_metadata ->> 'total_sessions')::bigint AS sessions,
       EXISTS (SELECT 1 FROM student_packages WHERE order_id = o.id) AS fulfilled
  FROM orders o JOIN students s ON s.id = o.student_id
 WHERE o.payment_id = ANY(%(payments)s) ORDER BY s.id FOR KEY SHARE OF s
"""


class Renamed(Exception):
    """A payment became another name of one meanwhile: give all locks back, and begin anew."""


def record(
    session: Session, facts: Mapping[Key, Sequence[Fact]], parts: Mapping[Key, Key], *, at: datetime
) -> dict[Key, Standing]:
    """Add facts to their payments, and return where each payment stands now.

    A payment begins with a purchase; facts of an unknown payment that begin none (a refund
    that came first) leave nothing, and their key is not in the answer. Of one of which nothing is said
    the order is not read. New payments are inserted in the order of their keys, then those that stood
    already are locked in that order: whoever comes second waits, and finds what the first one did. `parts` are to be
    other names of some of them: their rows are inserted, empty, and locked with these.
    """
    new = {key: Purchase(*key, merge({}, said)) for key, said in sorted(facts.items(), key=lambda item: item[0][::-1])}
    begun = {key: purchase for key, purchase in new.items() if any(_begins(fact) for fact in facts[key])}
    wanted = {key: _row(purchase, at) for key, purchase in begun.items()}
    wanted |= {part: _part(part, new[whole].currency, at) for part, whole in parts.items()}
    rows = insert(
        session,
        Payment,
        [row for _, row in sorted(wanted.items(), key=lambda item: item[0][::-1])],
        conflict="(organization_id, stripe_key) DO NOTHING",
        returning="id, organization_id, stripe_key",
    )
    ids = {_key(row): row["id"] for row in rows}
    standing = {
        key: Standing(purchase, ids[key], is_new=True, is_changed=True, received_at=at)
        for key, purchase in begun.items()
        if key in ids
    }
    stood = [part for part in parts if part not in ids]
    return standing | _continue(session, {key: facts[key] for key in facts if key not in standing}, stood, at=at)


def _begins(fact: Fact) -> bool:
    """Say whether a payment begins with a fact: not with what only says by what an invoice was paid."""
    return isinstance(fact, PurchaseFact) and fact.teller != INVOICE_PAYMENT


def _row(purchase: Purchase, at: datetime) -> dict[str, object]:
    since = {"suspended_at": at if purchase.dispute is DisputeStatus.OPEN else None}
    return _named((purchase.organization_id, purchase.key), at) | since | told_columns(purchase)


def _part(key: Key, currency: str, at: datetime) -> dict[str, object]:
    return _named(key, at) | {"suspended_at": None, "subscription_key": None} | nothing_told(currency)


def _named(key: Key, at: datetime) -> dict[str, object]:
    return {"organization_id": key[0], "stripe_key": key[1], "received_at": at}


def told_columns(purchase: Purchase) -> dict[str, object]:
    """Return the columns that follow from the set of facts."""
    return {
        "status": purchase.status.value,
        "facts": purchase.facts,
        "amount_received": purchase.received,
        "currency": purchase.currency,
        "amount_refunded": purchase.refunded,
        "dispute_status": purchase.dispute,
        "grant_status": purchase.grant_status.value,
        "stripe_customer_id": purchase.customer,
        "subscription_key": purchase.subscription,
    }


def nothing_told(currency: str) -> dict[str, object]:
    """Return the columns of a payment of which nothing is told under its name."""
    money = {"amount_received": 0, "amount_refunded": 0, "currency": currency, "dispute_status": None}
    status = {"status": PaymentStatus.PENDING.value, "grant_status": GrantStatus.VALID.value}
    return money | status | {"facts": {}, "stripe_customer_id": None}


def changed_columns(standing: Standing, *, at: datetime) -> dict[str, object]:
    """Return the columns of a payment that stood already, of which something new was said."""
    since = (standing.suspended_at or at) if standing.purchase.dispute is DisputeStatus.OPEN else None
    return {"id": standing.payment_id, "suspended_at": since} | told_columns(standing.purchase)


def _continue(
    session: Session, facts: Mapping[Key, Sequence[Fact]], parts: Sequence[Key], *, at: datetime
) -> dict[Key, Standing]:
    """Lock the payments that stood already, and add to them what is new; lock `parts` with them."""
    if not facts and not parts:
        return {}
    organizations, keys = (list(set(column)) for column in zip(*facts, *parts, strict=True))
    rows = [row for row in fetch(session, KNOWN, organizations=organizations, keys=keys) if _key(row) in facts]
    if any(row["part_of"] for row in rows):
        raise Renamed
    heard = [row["payment_id"] for row in rows if facts[_key(row)]]
    ordered = fetch(session, ORDERED, payments=heard) if heard else []
    orders = {row.pop("payment_id"): StandingOrder(**row) for row in ordered}
    standing = {}
    for row in rows:
        key = _key(row)
        purchase = Purchase(*key, merge(row["facts"], facts[key]))
        standing[key] = Standing(
            purchase,
            row["payment_id"],
            is_new=False,
            is_changed=purchase.facts != row["facts"],
            received_at=row["received_at"],
            order=orders.get(row["payment_id"]),
            before=Purchase(*key, row["facts"]),
            suspended_at=row["suspended_at"],
        )
    changed = [each for each in standing.values() if each.is_changed]
    update(session, Payment, [changed_columns(each, at=at) for each in changed])
    return standing


def _key(row: Mapping[str, object]) -> Key:
    return row["organization_id"], row["stripe_key"]  # type: ignore[return-value]
