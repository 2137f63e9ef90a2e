"""What the studio pays back itself, and what Stripe makes of it (PRODUCT.md §2, docs/refunds.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction

from tests.domain.history.books import Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.nouns import Booking, Package, in_order
from tests.domain.history.payments import News, Ordered, Payment
from tests.domain.history.turning import Turning

ENDS = {"pending": "REQUESTED", "succeeded": "SUCCEEDED", "failed": "FAILED"}
USED = {"COMPLETED", "NO_SHOW", "FORFEITED"}


class Refunding(Turning):
    def refund(self, command: Command, at: datetime) -> None:
        """Order a refund: its credits go at once, its money when Stripe says so."""
        package = command.package
        if package is None or package.payment is None:
            raise Refused("not_refundable")
        payment = package.payment
        refuse_if(
            (payment.dispute == "OPEN", "payment_disputed"),
            (any(o.is_whole and o.status == "REQUESTED" for o in payment.ordered), "refund_under_way"),
            (payment.dispute == "LOST" or payment.left <= 0, "nothing_to_refund"),
        )
        if command.lines or command.sessions:
            ordered = self.part(package, payment, self.named(command, package), at)
        elif package.product.policy == "ALL" or not self.is_used(package, at):
            ordered = Ordered(payment.left, at)
        else:
            ordered = self.unused(package, payment, at)
        payment.ordered.append(ordered)
        command.ordered = ordered
        if package.product.later and ordered.taken:
            drafts = in_order(package.drafts)
            kept = max(len(drafts) - ordered.taken[0], 0)
            package.drafts, ordered.drafts = drafts[:kept], drafts[kept:]

    def named(self, command: Command, package: Package) -> Mapping[int, int]:
        """The credits that are named, which must be unused."""
        lines, chosen = package.product.lines, command.lines
        if command.sessions:
            refuse_if((bool(chosen) or len(lines) != 1, "validation_failed"))
            chosen = {0: command.sessions}
        refuse_if((any(line >= len(lines) or lines[line][0] == "COURSE" for line in chosen), "validation_failed"))
        left = self.left(package)
        refuse_if((any(chosen[line] > left[line] for line in chosen), "insufficient_credits"))
        return chosen

    def unused(self, package: Package, payment: Payment, at: datetime) -> Ordered:
        """Of what is in use all that is left, of bookings ahead too; passes and courses are not divided."""
        lines, policy = package.product.lines, package.product.policy
        is_whole = package.product.is_pass or any(service == "COURSE" for service, *_ in lines)
        refuse_if((is_whole or policy == "REVIEW", "refund_review_required"))
        ahead = [b.means for b in self.spent(package) if self.is_ahead(b, at)]
        left = {n: now + sum(m.credits for m in ahead if m.line == n) for n, now in enumerate(self.left(package))}
        chosen = {line: left[line] for line in left if left[line] > 0}
        refuse_if((not chosen, "nothing_to_refund"))
        ordered = self.part(package, payment, chosen, at)
        self.cancel_ahead([package], at)
        return ordered

    def part(self, package: Package, payment: Payment, chosen: Mapping[int, int], at: datetime) -> Ordered:
        """What credits are worth: those that were sold, and neither used nor paid back before."""
        total = before = more = 0
        for line, (_, _, _, sold) in enumerate(package.product.lines):
            weight = package.product.weights[line] if package.product.weights else 1
            means = [b.means for b in self.spent(package) if not b.reopened and not self.is_ahead(b, at)]
            used, taken = sum(m.credits for m in means if m.line == line), package.taken(line)
            total += weight * sold
            before += weight * min(taken, sold)
            more += weight * min(chosen.get(line, 0), max(sold - used - taken, 0))
        worth = _half_up(Fraction(payment.amount * (before + more), total))
        amount = min(worth - _half_up(Fraction(payment.amount * before, total)), payment.left)
        refuse_if((not amount, "nothing_to_refund"))
        return Ordered(amount, at, dict(chosen))

    def is_ahead(self, booking: Booking, at: datetime) -> bool:
        return booking.status == "CONFIRMED" and booking.session.start > at

    def is_used(self, package: Package, at: datetime) -> bool:
        """Whether something of it was come to, slept through or given up too late, or has begun."""
        mine = [b for b in self.bookings if b.means.package is package and not b.reopened]
        return any(b.status in USED or (b.status == "CONFIRMED" and b.session.start <= at) for b in mine)

    # What Stripe says.

    def answered(self, payment: Payment, ordered: Ordered, status: str, at: datetime) -> str:
        """Stripe's answer; return what the command ends in."""
        self.hear([News(payment, ordered.name, status, ordered.amount, is_answer=True)], at)
        return _end(ordered)

    def refused(self, package: Package, ordered: Ordered, code: str, at: datetime) -> str:
        """Stripe did not do it, or nobody knows; unless it has told of it before."""
        assert package.payment
        if ordered.name in package.payment.refunds:
            return _end(ordered)
        self.fail(package, ordered, at)
        return code

    def follow(self, package: Package, at: datetime) -> None:
        """What becomes of the refunds that were ordered; what failed stays so."""
        payment = package.payment
        assert payment
        for ordered in payment.ordered:
            told = payment.refunds.get(ordered.name)
            if told is None or ordered.status == "FAILED":
                continue
            if told.counts:
                ordered.status = ENDS[told.status]
            else:
                self.fail(package, ordered, at)
        is_asked = package.product.policy == "REVIEW" and package.standing == "REVOKED"
        payment.was_used = is_asked and self.is_used(package, at)

    def fail(self, package: Package, ordered: Ordered, at: datetime) -> None:
        """Its credits come back, and its drafts; of what is over they stay closed."""
        ordered.status = "FAILED"
        if not package.product.later:
            return
        if package.standing == "REVOKED" or self.has_ended(package, at):
            package.shelved = [*package.shelved, *ordered.drafts]
        else:
            self.open_again(package, ordered.drafts)


def _end(ordered: Ordered) -> str:
    return "stripe_refused" if ordered.status == "FAILED" else "done"


def _half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))
