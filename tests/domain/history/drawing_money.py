"""What Stripe tells of payments, drawn at random: what may happen to money, in parts, twice, and in any order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.domain.history.faults import Time
from tests.domain.history.model import Model
from tests.domain.history.nouns import Package
from tests.domain.history.payments import DISPUTE, DISPUTED, REFUNDED, News, Ordered, Payment


class DrawMoney:
    """News of payments, drawn from what there is in a history."""

    def __init__(self, model: Model, random: Random) -> None:
        self.model, self.random = model, random
        self.payments = [p.payment for p in model.packages if p.payment]
        self.last: list[Payment] = []

    def once_in(self, often: int) -> bool:
        return self.random.randrange(often) == 0

    def news(self) -> list[News]:
        """What is told at once: of one payment, or of a few; in whatever order it comes in."""
        chosen = [self.some_payment() for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
        waiting = [w.student for session in self.model.sessions for w in self.model.line(session)]
        if waiting and self.once_in(4):
            held = self.model.held(self.random.choice(waiting))
            chosen += [p.payment for p in held if p.payment and p.standing == "ACTIVE"]
        # What turned just now turns again.
        self.last = self.last if self.last and not self.once_in(4) else list(dict.fromkeys(chosen))
        news = [each for payment in self.last for each in self.of(payment)]
        self.random.shuffle(news)
        return news

    def some_payment(self) -> Payment:
        """Mostly one of which something follows: it pays for what is ahead, or its student waits, or it turned."""
        ahead = [b for b in self.model.bookings if b.status == "CONFIRMED" and b.session.start > Time.at]
        crowded = [b for b in ahead if self.model.line(b.session) or b.host or b.undo_until]
        waiting = [w.student for session in self.model.sessions for w in self.model.line(session)]
        packages: list[Package | None] = self.random.choice(
            [
                [b.means.package for b in crowded or ahead],
                [p for student in waiting for p in self.model.held(student) if p.standing != "REVOKED"],
                [p for p in self.model.packages if p.payment and p.standing == "SUSPENDED"],
                [p for p in self.model.packages if p.payment and (p.payment.refunds or p.payment.dispute)],
                [p for p in self.model.packages if p.product.is_pass and self.model.has_begun(p, Time.at)],
                [p for p in self.model.packages if p.drafts or p.shelved],
            ]
        )
        found = [p.payment for p in packages if p and p.payment]
        return self.random.choice(found or self.payments)

    def of(self, payment: Payment) -> list[News]:
        """Something that may happen to it next, or what happened once more."""
        going = [name for name, each in payment.refunds.items() if each.counts]
        left = payment.amount - payment.returned
        # Of what the studio asked for an event may come before the answer, or though it was given up.
        asked = [o for o in payment.ordered if o.name not in payment.refunds and o.amount <= left]
        if asked and self.once_in(3):
            return [News(payment, asked[0].name, self.random.choice(REFUNDED), asked[0].amount)]
        if payment.dispute == "OPEN" and not self.once_in(4):
            return self.disputed(payment, self.random.choice(["WON", "WON", "LOST"]))
        if going and not self.once_in(3):
            return self.goes_on(payment, self.random.choice(going))
        if not payment.dispute and self.once_in(2):
            # Sometimes it is heard of when it is over.
            return self.disputed(payment, *self.random.choice([*[["OPEN"]] * 6, ["OPEN", "WON"], ["OPEN", "LOST"]]))
        if payment.dispute == "OPEN" or left <= 0:
            return self.repeated(payment)
        return self.refund(payment, left)

    def refund(self, payment: Payment, left: int) -> list[News]:
        """Money goes back from Stripe's dashboard: all that is left of it, or a part; it may fail at once."""
        name = f"re_{len(payment.refunds) + 1}_{payment.key}"
        amount = left // self.random.choice([2, 3]) if self.once_in(3) else left
        statuses = self.random.choice([["pending"], ["succeeded"], ["pending", "succeeded"], ["succeeded", "failed"]])
        return [News(payment, name, status, amount) for status in statuses]

    def goes_on(self, payment: Payment, name: str) -> list[News]:
        """Of a refund that is on its way, or has gone, it is told how it went on."""
        refund = payment.refunds[name]
        later = REFUNDED[REFUNDED.index(refund.status) + 1 :]
        return [News(payment, name, "failed" if self.once_in(2) else later[0], refund.amount)]

    def answer(self, payment: Payment, ordered: Ordered) -> str:
        """What Stripe says to whoever asks for a refund; what there is no money for it refuses."""
        refusals = ["stripe_refused", "stripe_unavailable"]
        if ordered.name not in payment.refunds and ordered.amount > payment.amount - payment.returned:
            return refusals[0]
        return self.random.choice([*["succeeded"] * 4, *["pending"] * 3, "failed", *refusals])

    def disputed(self, payment: Payment, *statuses: str) -> list[News]:
        return [News(payment, DISPUTE, status) for status in statuses]

    def repeated(self, payment: Payment) -> list[News]:
        """What was said before is said again."""
        said = [News(payment, name, REFUNDED[0], each.amount) for name, each in payment.refunds.items()]
        return [*said, *self.disputed(payment, *DISPUTED[: 1 if payment.dispute else 0])]

    def again(self, news: Sequence[News]) -> list[int]:
        """Which of them are delivered twice."""
        return [number for number in range(len(news)) if self.once_in(3)]
