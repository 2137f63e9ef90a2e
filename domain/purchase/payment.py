"""A payment, as the set of what Stripe says of it tells it; everything else follows from the set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from db.models import DisputeStatus, GrantStatus, OrderStatus, PaymentStatus
from domain.purchase.charge import Charge
from domain.purchase.fact import (
    BEGINNING,
    CHECKOUT,
    ERASED,
    INTENT,
    INVOICE,
    INVOICE_PAYMENT,
    MONEY_BACK,
    ORDERED,
    OUR_ID,
    PAID_BY,
    PAYMENT_RANK,
    SOURCES,
    Facts,
    RefundSaid,
    SoldLine,
    joined,
)


@dataclass(frozen=True)
class Purchase:
    """A payment as the set of its facts tells it; `subscriber` is whom its subscription means, if it names nobody."""

    organization_id: int
    key: str
    facts: Facts
    subscriber: str | None = None

    def joined(self, facts: Facts) -> Purchase:
        """Return it with all that was said of it under another name."""
        merged = joined(self.facts, facts)
        return Purchase(self.organization_id, self.key, merged)

    @cached_property
    def _purchases(self) -> list[dict[str, Any]]:
        """What was said of the purchase: the Checkout's word first, of each teller the latest first."""
        return [self.facts[source] for source in SOURCES if source in self.facts]

    @cached_property
    def _sales(self) -> list[dict[str, Any]]:
        """What says how far the sale got: of a subscription's period its invoice does, not what pays some of it."""
        tellers = {said["teller"] for said in self._purchases}
        if tellers.isdisjoint({BEGINNING, INVOICE, INVOICE_PAYMENT}):
            return self._purchases
        return [said for said in self._purchases if said["teller"] not in {INTENT, INVOICE_PAYMENT}]

    @cached_property
    def _told(self) -> dict[str, Any]:
        """Of each field what the first source that says anything about it says."""
        return {field: value for said in reversed(self._purchases) for field, value in said.items() if value}

    def _said(self, field: str) -> str | None:
        return self._told.get(field)

    @cached_property
    def status(self) -> PaymentStatus:
        """How far it got."""
        told = (said["status"] for said in self._sales)
        return PaymentStatus(max(told, key=PAYMENT_RANK.__getitem__, default=PaymentStatus.PENDING))

    @property
    def paid(self) -> bool:
        """Whether it succeeded, for whatever amount."""
        return self.status is PaymentStatus.SUCCEEDED

    @cached_property
    def received(self) -> int:
        """What was paid, in minor units of `currency`: by the word of who knows it best."""
        if not self.paid:
            return 0
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
        return self.charge.refunded(self._back)

    @cached_property
    def charge(self) -> Charge:
        """What the card was charged: the PaymentIntent's word where that is of another currency, else what was paid."""
        told = (said for said in self._purchases if said["teller"] == INTENT and said["amount"])
        said = next((said for said in told if said["currency"] != self.currency), None)
        charged = (int(said["amount"]), str(said["currency"])) if said else (self.received, self.currency)
        return Charge(*charged, self.received, self.currency)

    @property
    def returned(self) -> int:
        """How much of the charge went back or is on its way, in minor units of its currency."""
        return self.charge.returned(self._back)

    @property
    def _back(self) -> list[dict[str, Any]]:
        return [said for said in self._of("refund:") if said["status"] in MONEY_BACK]

    @property
    def refunds(self) -> tuple[RefundSaid, ...]:
        """What is known of its refunds, in the order of Stripe's ids."""
        told = sorted(self._of("refund:"), key=lambda said: str(said["source"]))
        return tuple(
            RefundSaid(
                said["source"].partition(":")[2],
                said["status"],
                self.charge.worth(said),
                said.get("ours"),
                charged=int(said["amount"]),
            )
            for said in told
        )

    def refunds_told(self, currency: str) -> int:
        """Return what all known refunds in a currency come to, whatever became of them, in minor units."""
        told = (said for said in self._of("refund:") if said.get("currency") in {None, currency})
        return sum(int(said["amount"]) for said in told)

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
        """Whether the money went back, or all that was left of it: what it bought is worth nothing."""
        went_back = self.order_status is OrderStatus.REFUNDED or any(self._is_whole(each) for each in self.refunds)
        return went_back or self.dispute is DisputeStatus.LOST

    @property
    def is_suspended(self) -> bool:
        """Whether the money is disputed: what it bought stands, and is not to be used."""
        return self.dispute is DisputeStatus.OPEN and not self.is_revoked

    def _is_whole(self, refund: RefundSaid) -> bool:
        """Say whether a refund is one of ours that gave back all that was left, whatever became of others."""
        return refund.counts and f"whole:{refund.ours}" in self.facts

    @property
    def is_refund_under_way(self) -> bool:
        """Whether all that is left was ordered to go back, and Stripe did not say yet what becomes of it."""
        told = {f"whole:{refund.ours}" for refund in self.refunds}
        return any(said["status"] == ORDERED and said["source"] not in told for said in self._of("whole:"))

    @property
    def grant_status(self) -> GrantStatus:
        """What it makes of what it bought."""
        if self.is_revoked:
            return GrantStatus.REVOKED
        return GrantStatus.SUSPENDED if self.is_suspended or self.is_refund_under_way else GrantStatus.VALID

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
        return any(said["status"] in begun for said in self._sales if said["teller"] != BEGINNING)

    @property
    def order_status(self) -> OrderStatus:
        """What the order says of the payment."""
        if not self.paid:
            return OrderStatus(self.status.value)
        if self.refunded == 0:
            return OrderStatus.PAID
        return OrderStatus.REFUNDED if self.refunded == self.received else OrderStatus.PARTIALLY_REFUNDED
