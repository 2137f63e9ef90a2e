"""What one event says, and what became of it once its batch was acted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import DomainError, NotReady, UnknownProduct
from domain.inbox.verdict import Done, Forgotten, Later, Parked, Unmatched, Verdict
from domain.purchase.alias import Names
from domain.purchase.fact import CHECKOUT, INVOICE, INVOICE_PAYMENT, Fact, PurchaseFact, RefundTotal
from domain.purchase.recognition import SaleLine
from domain.purchase.standing import Key, Standing
from domain.subscription.facts import SubscriptionFact


@dataclass(frozen=True, slots=True)
class Told:
    """What one event of one organization says; `payment` is whose it is, also where it says nothing of it."""

    event_id: int
    organization_id: int
    facts: tuple[Fact, ...]
    payment: str | None = None
    standing: tuple[SubscriptionFact, ...] = ()
    total: RefundTotal | None = None

    @property
    def keys(self) -> list[Key]:
        """The names of the payments that it is about: those of its facts first, in their order."""
        others = (self.payment, self.total and self.total.key)
        about = [fact.key for fact in self.facts] + [key for key in others if key]
        return [(self.organization_id, key) for key in about]

    @property
    def mentioned(self) -> list[Key]:
        """The PaymentIntents of which it only says which invoice they paid."""
        told = (fact for fact in self.facts if isinstance(fact, PurchaseFact) and fact.teller == INVOICE_PAYMENT)
        return [(self.organization_id, fact.intent) for fact in told if fact.intent]


Judgement = list[SaleLine] | DomainError | NotReady
Judged = Mapping[Key, Judgement]


def verdict_of(told: Told, names: Names, standing: Mapping[Key, Standing], judged: Judged) -> Verdict:
    """Return the first thing that stands in the way of an event, or that it is done."""
    keys = [names.settled(key) for key in told.keys]
    verdicts = [_of_fact(fact, key, standing, judged) for fact, key in zip(told.facts, keys, strict=False)]
    if told.total:
        verdicts.append(_of_total(told.total, names.settled((told.organization_id, told.total.key)), standing))
    erased = any(standing[key].purchase.is_erased for key in keys if key in standing)
    return next((verdict for verdict in verdicts if not isinstance(verdict, Done)), Forgotten() if erased else Done())


def _of_fact(fact: Fact, key: Key, standing: Mapping[Key, Standing], judged: Judged) -> Verdict:
    if key not in standing:
        if _is_of_single_purchase(fact, key, standing):
            return Done()
        return _unknown(fact.key)
    if not isinstance(fact, PurchaseFact):
        return Done()
    if standing[key].fulfilled:
        return _after_fulfilment(fact, standing[key])
    refusal = judged[key]
    if isinstance(refusal, list) or not standing[key].purchase.begun:
        return Done()
    expected = fact.teller in {CHECKOUT, INVOICE} or fact.names_something
    return _refused(refusal, fact) if expected else Done()


def _of_total(total: RefundTotal, key: Key, standing: Mapping[Key, Standing]) -> Verdict:
    """Let what a charge says in all wait for the refunds that it is made of (PRODUCT.md §2.2: a cross-check)."""
    if key not in standing:
        return _unknown(total.key)
    purchase = standing[key].purchase
    known = purchase.refunds_told(total.currency)
    if known >= total.amount or purchase.is_erased:
        return Done()
    reason = f"{total.amount} {total.currency} of {total.charge} went back, and refunds of {known} are known"
    return Unmatched("unknown_refund", f"{reason}: run `punchcard stripe reconcile --apply`", f"payment:{key[1]}")


def _unknown(payment: str) -> Later:
    return Later("unknown_payment", f"payment {payment} was not seen yet", f"payment:{payment}")


def _is_of_single_purchase(fact: Fact, key: Key, standing: Mapping[Key, Standing]) -> bool:
    """Say whether a fact only tells of the invoice of a purchase that has its own name: its PaymentIntent's."""
    if not isinstance(fact, PurchaseFact) or fact.intent is None:
        return False
    paid_by = standing.get((key[0], fact.intent))
    return paid_by is not None and paid_by.purchase.from_checkout


def _after_fulfilment(fact: PurchaseFact, standing: Standing) -> Verdict:
    """Accept what comes after the package, unless it names another product: then somebody was sold the wrong one."""
    if (fact.product_code or fact.cohort) and standing.is_changed and standing.purchase.is_contradictory:
        return Parked(
            "contradictory_purchase",
            f"the Checkout and the PaymentIntent of {fact.key} name different products or cohorts: see what was paid",
        )
    return Done()


def _refused(refusal: DomainError | NotReady, fact: PurchaseFact) -> Verdict:
    if isinstance(refusal, NotReady):
        return Later(refusal.code, str(refusal), f"payment:{fact.key}")
    # Named by its other event later on, the payment brings this one back.
    waits_for = f"product:{refusal.name}" if isinstance(refusal, UnknownProduct) else f"payment:{fact.key}"
    return Parked(refusal.code, str(refusal), waits_for)
