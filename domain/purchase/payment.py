"""What Stripe says about a payment, as a set of facts; everything else follows from the set.

A fact is keyed by the object that said it. Putting facts together is commutative, associative and
idempotent, so that neither the order nor the number of deliveries can matter (PRODUCT.md §2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from db.models import DisputeStatus, OrderStatus, PaymentStatus
from domain.money import share

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
RANK = PAYMENT_RANK | REFUND_RANK | DISPUTE_RANK

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

    `currency` is what the card was charged in, which may be another than the order's.
    """

    source: str
    key: str
    status: str
    amount: int
    ours: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """What a dispute that moved money says; `key` is the payment's."""

    source: str
    key: str
    status: str


Fact = PurchaseFact | RefundFact | DisputeFact


@dataclass(frozen=True, slots=True)
class RefundSaid:
    """What is known of a refund: Stripe's id, its status in Stripe's words, and our own row where we ordered it."""

    id: str
    status: str
    amount: int
    ours: str | None = None

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


@dataclass(frozen=True)
class Purchase:
    """A payment as the set of its facts tells it; `subscriber` is whom its subscription means, if it names nobody."""

    organization_id: int
    key: str
    facts: Facts
    subscriber: str | None = None

    def joined(self, facts: Facts) -> Purchase:
        """Return it with all that was said of it under another name."""
        merged = dict(self.facts)
        for source, said in facts.items():
            known = merged.get(source, said)
            merged[source] = said if known == said else max(known, said, key=_weight)
        return Purchase(self.organization_id, self.key, merged)

    @cached_property
    def _purchases(self) -> list[dict[str, Any]]:
        """What was said of the purchase: the Checkout's word first, of each teller the latest first."""
        return [self.facts[source] for source in SOURCES if source in self.facts]

    @cached_property
    def _told(self) -> dict[str, Any]:
        """Of each field what the first source that says anything about it says."""
        return {field: value for said in reversed(self._purchases) for field, value in said.items() if value}

    def _said(self, field: str) -> str | None:
        return self._told.get(field)

    @cached_property
    def status(self) -> PaymentStatus:
        """How far it got."""
        return PaymentStatus(max((said["status"] for said in self._purchases), key=PAYMENT_RANK.__getitem__))

    @property
    def paid(self) -> bool:
        """Whether it succeeded, for whatever amount."""
        return self.status is PaymentStatus.SUCCEEDED

    @cached_property
    def received(self) -> int:
        """What was paid, in minor units of `currency`: by the word of who knows it best."""
        paid = {said["teller"]: said for said in self._purchases if said["status"] == PaymentStatus.SUCCEEDED}
        told = [paid[teller] for teller in PAID_BY if teller in paid and paid[teller]["currency"] == self.currency]
        return int(told[0]["amount"]) if told else 0

    @cached_property
    def currency(self) -> str:
        """What it was sold in: the Checkout's word, since the card may have been charged in another currency."""
        return str(self._purchases[0]["currency"])

    @property
    def is_contradictory(self) -> bool:
        """Whether its Checkout and its PaymentIntent name different products, or different cohorts of a course."""
        named = ({said[name] for said in self._purchases if said.get(name)} for name in ("product_code", "cohort"))
        return any(len(names) > 1 for names in named)

    @property
    def refunded(self) -> int:
        """What went back, in minor units, never more than came in."""
        back: dict[str, int] = {}
        for said in self._of("refund:"):
            if said["status"] in MONEY_BACK:
                currency = said.get("currency") or self.currency
                back[currency] = back.get(currency, 0) + int(said["amount"])
        return min(sum(self._in_own(amount, currency) for currency, amount in back.items()), self.received)

    def _in_own(self, amount: int, currency: str) -> int:
        """Return what an amount is of what was received: of a charge in another currency, as much of it went back."""
        charged = [int(said["amount"]) for said in self._purchases if said["currency"] == currency and said["amount"]]
        if currency == self.currency or not charged:
            return amount
        return share(self.received * min(amount, charged[0]), charged[0])

    @property
    def refunds(self) -> tuple[RefundSaid, ...]:
        """What is known of its refunds, in the order of Stripe's ids."""
        told = sorted(self._of("refund:"), key=lambda said: str(said["source"]))
        return tuple(
            RefundSaid(said["source"].partition(":")[2], said["status"], int(said["amount"]), said.get("ours"))
            for said in told
        )

    @property
    def refunds_done(self) -> list[str]:
        """The ids of the refunds that succeeded."""
        return [refund.id for refund in self.refunds if refund.status == "succeeded"]

    @property
    def disputes(self) -> tuple[str, ...]:
        """The ids of the disputes that moved money, in their order."""
        return tuple(sorted(said["source"].partition(":")[2] for said in self._of("dispute:")))

    @property
    def dispute(self) -> DisputeStatus | None:
        """What disputes did to the money: one lost is lost, else one open is open."""
        found = {said["status"] for said in self._of("dispute:")}
        order = (DisputeStatus.LOST, DisputeStatus.OPEN, DisputeStatus.WON)
        return next((status for status in order if status in found), None)

    def _of(self, prefix: str) -> list[dict[str, Any]]:
        return [said for source, said in self.facts.items() if source.startswith(prefix)]

    @property
    def is_erased(self) -> bool:
        """Whether the student who made it was erased, and it says nothing of a person any more."""
        return ERASED in self.facts

    @property
    def external_id(self) -> str | None:
        """The frontend's id of the student, where the purchase names one."""
        return self._said("client_reference_id") or self._said("student_id") or self.subscriber

    @property
    def customer(self) -> str | None:
        """The Stripe customer."""
        return self._said("customer")

    @property
    def email(self) -> str | None:
        """Where the receipt goes."""
        return self._said("email")

    @property
    def name(self) -> str | None:
        """The buyer's name."""
        return self._said("name")

    @property
    def product_code(self) -> str | None:
        """The code that metadata names."""
        return self._said("product_code")

    @property
    def price_id(self) -> str | None:
        """The Stripe price that metadata names."""
        return self._said("price_id")

    @property
    def product_id(self) -> str | None:
        """The Stripe product that metadata names."""
        return self._said("product_id")

    @property
    def course(self) -> str | None:
        """The course program that metadata names."""
        return self._said("course")

    @property
    def cohort(self) -> str | None:
        """The cohort of a course that metadata names: our id, or its code."""
        return self._said("cohort")

    @property
    def is_revoked(self) -> bool:
        """Whether the money went back: what it bought is worth nothing."""
        return self.order_status is OrderStatus.REFUNDED or self.dispute is DisputeStatus.LOST

    @property
    def is_suspended(self) -> bool:
        """Whether the money is disputed: what it bought stands, and is not to be used."""
        return self.dispute is DisputeStatus.OPEN and not self.is_revoked

    @property
    def lines(self) -> list[SoldLine]:
        """The line items, where Stripe was asked for them."""
        return [SoldLine(**line) for line in self._told.get("lines", ())]

    @property
    def subscription(self) -> str | None:
        """The subscription whose period it pays."""
        return self._said("subscription")

    @property
    def period(self) -> tuple[int, int] | None:
        """The period of a subscription that it pays, [start, end) in seconds of Unix time."""
        start, end = self._told.get("period_start"), self._told.get("period_end")
        return (int(start), int(end)) if start is not None and end is not None and start < end else None

    @property
    def coupon_use(self) -> int | None:
        """The use of a coupon that its Checkout held."""
        said = self._said("coupon_use")
        return int(said) if said and OUR_ID.fullmatch(said) else None

    @property
    def intent(self) -> str | None:
        """The PaymentIntent that paid it, by what an invoice says."""
        return self._said("intent")

    @property
    def from_invoice(self) -> bool:
        """Whether an invoice sold it."""
        return any(said["teller"] == INVOICE for said in self._purchases)

    @property
    def from_checkout(self) -> bool:
        """Whether a Checkout sold it: then it has line items to ask for."""
        return any(said["teller"] == CHECKOUT for said in self._purchases)

    @property
    def begun(self) -> bool:
        """Whether it became an order: it was paid, or is or was to be paid later; an abandoned Checkout never did.

        A Checkout that began a subscription says whose that is, and no more.
        """
        begun = {PaymentStatus.PENDING, PaymentStatus.SUCCEEDED}
        return any(said["status"] in begun for said in self._purchases if said["teller"] != BEGINNING)

    @property
    def order_status(self) -> OrderStatus:
        """What the order says of the payment."""
        if not self.paid:
            return OrderStatus(self.status.value)
        if self.refunded == 0:
            return OrderStatus.PAID
        return OrderStatus.REFUNDED if self.refunded == self.received else OrderStatus.PARTIALLY_REFUNDED
