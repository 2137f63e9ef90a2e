"""What Stripe tells in a history: purchases, refunds and disputes; to the studio that runs, and to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from tests.domain.history.faults import Time
from tests.domain.history.nouns import Package
from tests.domain.history.payments import DISPUTE, News, Ordered, Payment
from tests.domain.history.schooling import Schooling, refund_of
from tests.domain.history.shop import PRODUCTS
from tests.refunding import Till
from tests.stripe_objects import Event, checkout, dispute, refund
from tests.timetable import CURRENCY
from worker.call_rows import give_up

_numbers = count(1)
BOUGHT = """
SELECT p.stripe_key, k.id FROM student_packages k JOIN orders o ON o.id = k.order_id
  JOIN payments p ON p.id = o.payment_id WHERE p.stripe_key = ANY(%(keys)s)
"""
PATIENCE = timedelta(days=3)
# By which event a refund is told, and a dispute; and what Stripe calls it then.
REFUND_TOLD = {"pending": "refund.created", "succeeded": "refund.updated", "failed": "refund.failed"}
DISPUTE_TOLD = {
    "OPEN": ("charge.dispute.funds_withdrawn", "under_review"),
    "WON": ("charge.dispute.closed", "won"),
    "LOST": ("charge.dispute.closed", "lost"),
}


@dataclass(frozen=True)
class Purchase:
    """What somebody is about to buy; `refunded` if it goes back before anybody heard of it."""

    student: str
    code: str
    refunded: bool = False


@dataclass
class Telling(Schooling):
    # Refunds that Stripe has not answered yet, and what they pay back.
    asked: dict[Ordered, Package] = field(default_factory=dict)

    def buy(self, *purchases: Purchase) -> None:
        """Students buy, all at once."""
        told = {f"pi_history_{next(_numbers)}": each for each in purchases}
        events = [event for key, each in told.items() for event in _sold(key, each)]
        self.studio.deliver(*events)
        bought = sorted((row["id"], row["stripe_key"]) for row in self.studio.rows(BOUGHT, keys=list(told)))
        gone = []
        for number, key in bought:
            each, product = told[key], PRODUCTS[told[key].code]
            package = self.model.buy(number, each.student, product, Time.at)
            package.payment = Payment(key, product.price)
            if each.refunded:
                package.payment.hear(refund_of(package.payment))
                gone.append(package)
        self.model.turn(dict.fromkeys(gone, "ACTIVE"), Time.at)

    def tell(self, news: Sequence[News], again: Sequence[int] = ()) -> None:
        """Have Stripe tell something at once; what stands at `again` is delivered a second time, with the same id."""
        events = [_event(each) for each in news]
        self.studio.deliver(*events, *(events[number] for number in again))
        self.model.hear(news, Time.at)
        self.learn_steps()

    def ask_stripe(self, package: Package, ordered: Ordered, job: int) -> None:
        """Stripe is asked for what the studio ordered, under the name that it has from now on."""
        call = Till(self.timetable).call(job)
        assert call["params"]["amount"] == ordered.amount, (call, ordered)
        ordered.number, ordered.job = call["refund_id"], job
        self.asked[ordered] = package

    def answer(self, ordered: Ordered, said: str) -> None:
        """Have Stripe answer what it is asked for, with a status; or refuse it by a code."""
        package, till = self.asked.pop(ordered), Till(self.timetable)
        assert package.payment
        if said in REFUND_TOLD:
            ended = till.answer(ordered.job, status=said, refund_id=ordered.name)
            expected = self.model.answered(package.payment, ordered, said, Time.at)
        else:
            ended = till.refuse(ordered.job, said)
            expected = self.model.refused(package, ordered, said, Time.at)
        self.learn_steps()
        assert ended.code == expected, (ended, expected, ordered)

    def give_up(self) -> None:
        """Nobody waits longer for Stripe than for so long."""
        give_up(self.studio.engine, has_key=True)
        for ordered in [each for each in self.asked if Time.at >= each.made_at + PATIENCE]:
            expected = self.model.refused(self.asked.pop(ordered), ordered, "stripe_unavailable", Time.at)
            assert self.timetable.outcome(ordered.job).code == expected, (expected, ordered)


def _sold(key: str, purchase: Purchase) -> list[Event]:
    """Return what Stripe tells of a purchase; the refund first, if there is one."""
    product = PRODUCTS[purchase.code]
    told: dict[str, Any] = {"amount": product.price, "currency": CURRENCY[product.org], "org": product.org}
    sold = checkout(purchase.code, payment=key, student=purchase.student, email=None, **told)
    return [*([_event(refund_of(Payment(key, product.price)))] if purchase.refunded else []), sold]


def _event(news: News) -> Event:
    key = news.payment.key
    if news.about == DISPUTE:
        kind, status = DISPUTE_TOLD[news.status]
        return dispute(key, status=status, kind=kind)
    ours = news.payment.ours(news.about)
    named = {"punchcard_refund": str(ours.number)} if ours else {}
    about = {"refund_id": news.about, "status": news.status, "kind": REFUND_TOLD[news.status]}
    return refund(key, amount=news.amount, **about, **named)
