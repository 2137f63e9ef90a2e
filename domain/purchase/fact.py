"""What Stripe says of a payment: statements, each by one object of Stripe's, and their set.

A fact is keyed by the object that said it. Putting facts together is commutative, associative and
idempotent, so that neither the order nor the number of deliveries can matter (PRODUCT.md §2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from db.models import DisputeStatus, PaymentStatus

Facts = dict[str, dict[str, Any]]

# Who tells of a purchase, the one that knows more about it first: a Checkout, also one that began a subscription, the
# invoice of a subscription, the PaymentIntent, and what says which of these pays which invoice.
CHECKOUT = "checkout"
BEGINNING = "beginning"
INVOICE = "invoice"
INTENT = "intent"
INVOICE_PAYMENT = "invoice_payment"
# Time tells as well: what nobody paid for a month was given up (domain.clock.abandoned).
CLOCK = "clock"

# Where they tell of it, the latest stage first.
SOURCES = tuple(
    f"{teller}:{stage}"
    for teller in (CHECKOUT, BEGINNING, INVOICE, INTENT, INVOICE_PAYMENT, CLOCK)
    for stage in reversed(PaymentStatus)
)

# Whose word counts for what was paid, the best first: the card may have been charged otherwise than a Checkout said.
PAID_BY = (INVOICE, INTENT, CHECKOUT, INVOICE_PAYMENT)

# Of several statements the later in an object's life wins: a success wins over any failure,
# a refund that failed undoes the one that seemed to succeed, a dispute ends won or lost.
PAYMENT_RANK = {status.value: rank for rank, status in enumerate(PaymentStatus)}
REFUND_RANK = {"requires_action": 0, "pending": 1, "succeeded": 2, "canceled": 3, "failed": 4}
DISPUTE_RANK = {DisputeStatus.OPEN.value: 0, DisputeStatus.WON.value: 1, DisputeStatus.LOST.value: 2}
ORDERED, REFUSED = "ordered", "refused"
RANK = PAYMENT_RANK | REFUND_RANK | DISPUTE_RANK | {ORDERED: 0, REFUSED: 1}

# What a statement says of a person; and what stands in the set of a payment whose student was erased.
PERSONAL = ("customer", "client_reference_id", "student_id", "email", "name")
ERASED = "erased"

# An id of ours as Stripe's metadata carry it: a bigint has no more digits.
OUR_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

# A pending refund has left the balance already; Stripe counts it in the charge's total too.
MONEY_BACK = {"requires_action", "pending", "succeeded"}


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One line of a Checkout as Stripe tells it: a price id and how many."""

    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PurchaseFact:
    """What one of Stripe's objects says of one purchase. Amounts in minor units, currency upper case.

    `intent` is the PaymentIntent that pays an invoice, `subscription` whose it is, with the period that it pays for in
    seconds of Unix time. `coupon_use` is the use of a coupon that our own Checkout holds.
    """

    teller: str
    key: str
    status: str
    amount: int
    currency: str
    customer: str | None = None
    client_reference_id: str | None = None
    student_id: str | None = None
    email: str | None = None
    name: str | None = None
    product_code: str | None = None
    price_id: str | None = None
    product_id: str | None = None
    course: str | None = None
    cohort: str | None = None
    lines: tuple[SoldLine, ...] = ()
    intent: str | None = None
    subscription: str | None = None
    period_start: int | None = None
    period_end: int | None = None
    coupon_use: str | None = None

    @property
    def source(self) -> str:
        """Each statement is kept: that a payment was pending once is a fact too."""
        return f"{self.teller}:{self.status}"

    @property
    def names_something(self) -> bool:
        """Whether its metadata says what was bought."""
        return bool(self.product_code or self.price_id or self.product_id or self.course)


@dataclass(frozen=True, slots=True)
class RefundFact:
    """What a refund says; `key` is the payment's, `ours` the refund that was ordered here, if it was.

    `currency` is what the card was charged in, which may be another than the order's; then `worth` is what it pays
    back of the order, in minor units of the order's own, where it was ordered here.
    """

    source: str
    key: str
    status: str
    amount: int
    ours: str | None = None
    currency: str | None = None
    worth: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """What a dispute that moved money says; `key` is the payment's."""

    source: str
    key: str
    status: str


@dataclass(frozen=True, slots=True)
class WholeRefundFact:
    """That staff ordered all that is left of a payment to go back, or that nobody will: Stripe refused.

    We say it, before Stripe is asked; `key` is the payment's.
    """

    source: str
    key: str
    status: str

    @classmethod
    def of(cls, refund_id: int, key: str, status: str = ORDERED) -> WholeRefundFact:
        """Return what is said of one of our refunds."""
        return cls(f"whole:{refund_id}", key, status)


Fact = PurchaseFact | RefundFact | DisputeFact | WholeRefundFact


@dataclass(frozen=True, slots=True)
class RefundTotal:
    """What a charge says went back of it in all, in minor units of its currency; `key` is the payment's.

    It is held against the refunds that are known by id, and adds nothing to the set: two of the same amount look alike
    in it, and it goes down again where one fails.
    """

    charge: str
    key: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundSaid:
    """What is known of a refund: Stripe's id, its status in Stripe's words, and our own row where we ordered it.

    `amount` is in minor units of what was sold, `charged` in those of what the card was charged in, as Stripe says it.
    """

    id: str
    status: str
    amount: int
    ours: str | None
    charged: int

    @property
    def counts(self) -> bool:
        """Whether its money went back, or is on its way."""
        return self.status in MONEY_BACK


def merge(facts: Facts, new: Iterable[Fact]) -> Facts:
    """Return the set of facts with new ones in it; the same for every order and repetition.

    Of a person who was erased nothing comes back: the set is the same as if all had been said before.
    """
    merged = dict(facts)
    for fact in new:
        said = orjson.loads(orjson.dumps(fact))
        said = _impersonal(said) if ERASED in facts else said
        known = merged.get(fact.source)
        merged[fact.source] = said if known is None else max(known, said, key=_weight)
    return merged


def joined(facts: Facts, others: Facts) -> Facts:
    """Return the set of facts with those of another name of the same payment in it."""
    merged = dict(facts)
    for source, said in others.items():
        known = merged.get(source, said)
        merged[source] = said if known == said else max(known, said, key=_weight)
    return merged


def erase(facts: Facts) -> Facts:
    """Return the set without the person; all that follows from it but whose it is stays as it was."""
    return {source: _impersonal(said) for source, said in facts.items()} | {ERASED: {}}


def _impersonal(fact: dict[str, Any]) -> dict[str, Any]:
    return fact | dict.fromkeys(fact.keys() & PERSONAL)


def _weight(fact: dict[str, Any]) -> tuple[int, int, bytes, int, bytes]:
    """Order what an object said: the later stage, then the fuller statement, then whatever is the same for all.

    What is said of a person decides last: which statement wins is the same once they are erased.
    """
    return RANK[fact["status"]], *_fullness(_impersonal(fact)), *_fullness(fact)


def _fullness(fact: dict[str, Any]) -> tuple[int, bytes]:
    return sum(1 for value in fact.values() if value), orjson.dumps(fact, option=orjson.OPT_SORT_KEYS)
