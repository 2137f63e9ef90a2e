"""Refunds that staff order, drawn at random."""

from __future__ import annotations

from tests.domain.history.command import Command
from tests.domain.history.drawing_steps import DrawSteps
from tests.domain.history.faults import Time
from tests.domain.history.nouns import Package


class DrawRefunds(DrawSteps):
    """Refunds, drawn from what was sold in a history."""

    def refund(self) -> Command:
        """All of what was sold, or so many credits."""
        package = self.some_package()
        command = Command("refund", Time.at, package.student, package=package)
        left = self.model.left(package)
        if self.once_in(2) or not left:
            command.sessions = 1 if self.once_in(20) else None
        elif self.once_in(8) or (len(left) == 1 and self.once_in(2)):
            command.sessions = self.number(left[-1])
        else:
            lines = self.random.sample(range(len(left)), self.random.randint(1, len(left)))
            # Steps of a course are no credits.
            lines = [n for n in lines if package.product.lines[n][0] != "COURSE" or self.once_in(10)] or [len(left) - 1]
            command.lines = {n: self.number(left[n]) for n in sorted(lines)}
            command.lines |= {len(left): 1} if self.once_in(20) else {}
        return command

    def number(self, left: int) -> int:
        """Some of what is left, all of it, or more."""
        return self.one([1, 1, 2, max(left, 1), max(left, 1), left + 1])

    def some_package(self) -> Package:
        """Mostly one where the rules are: in use, booked ahead, corrected, or with a refund that is under way."""
        held = [p for p in self.model.packages if p.standing == "ACTIVE" and p.payment]
        used = [p for p in held if _is_divisible(p) and self.model.is_used(p, Time.at)]
        ahead = [b.means.package for b in self.model.bookings if self.model.is_ahead(b, Time.at)]
        pools = [
            held,
            used,
            [p for p in used if p in ahead],
            [p for p in used if any(p.given)],
            [p for p in held if p.payment and any(o.status == "REQUESTED" for o in p.payment.ordered)],
        ]
        known = [pool for pool in pools if pool]
        return self.one(self.one(known) if known and not self.once_in(10) else self.model.packages)


def _is_divisible(package: Package) -> bool:
    return any(service != "COURSE" for service, *_ in package.product.lines[:1])
