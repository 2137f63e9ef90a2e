"""Refunds that staff order, drawn at random."""

from __future__ import annotations

from tests.domain.history.command import Command
from tests.domain.history.drawing_steps import DrawSteps
from tests.domain.history.faults import Time


class DrawRefunds(DrawSteps):
    """Refunds, drawn from what was sold in a history."""

    def refund(self) -> Command:
        """Mostly of what is in use and was paid through Stripe: all of it, or so many credits."""
        held = [p for p in self.model.packages if p.standing == "ACTIVE" and p.payment] or self.model.packages
        divisible = [p for p in held if p.product.lines and p.product.lines[0][0] != "COURSE"]
        used = [p for p in divisible if self.model.is_used(p, Time.at)]
        package = self.one(self.model.packages if self.once_in(10) else used if used and self.once_in(2) else held)
        command = Command("refund", Time.at, package.student, package=package)
        left = self.model.left(package)
        if self.once_in(3) or not left or (package in used and self.once_in(2)):
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
