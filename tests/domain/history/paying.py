"""What pays for a session (PRODUCT.md §3)."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.domain.history.books import Books, Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.nouns import Means, Package, Session

ENDLESS = datetime.max.replace(tzinfo=UTC)
# Of several reasons why nothing pays, the first is told.
REASONS = ["all_access_used_today", "package_suspended", "package_expired", "package_not_started"]
SEVERAL = "insufficient_credits"
# A friend pass that came back so often brings nobody any more.
MOST_FRIENDS = 10


class Paying(Books):
    def pay(self, command: Command, session: Session, seat: int | None) -> Means:
        """The first that pays: passes, what needs no confirmation, the session's own service, what ends first."""
        held = self.held(command.student)
        if command.payment == "FREE":
            return Means("FREE")
        if command.kind == "schedule":
            return self.draw(command, session, seat)
        refuse_if((command.package is not None and command.package not in held, "not_found"))
        tried = []
        for package in (each for each in held if command.package in {None, each}):
            turn = (self.window(package)[1] or ENDLESS, package.bought_at, package.id)
            if package.product.is_pass and command.payment in {None, "ALL_ACCESS"}:
                refused = self.pass_refused(package, session)
                tried.append((refused, ((0, False, False), turn, 0), Means("ALL_ACCESS", package)))
            for line, (service, *_) in enumerate(package.product.lines if command.payment in {None, "CREDIT"} else ()):
                cost, higher = self.price(package, line, session, seat)
                key = (1, higher and not command.confirmed, service != session.service)
                refused = self.credits_refused(package, line, session, seat)
                tried.append((refused, (key, turn, line), Means("CREDIT", package, line, cost)))
        offers = [(key, place, means) for place, (refused, key, means) in enumerate(tried) if not refused]
        if not offers:
            reasons = [refused for refused, _, _ in tried]
            told = [r for r in ([*REASONS, *reasons] if command.package else REASONS) if r in reasons]
            raise Refused(told[0] if told else SEVERAL)
        ((_, unconfirmed, _), _, _), _, means = min(offers, key=lambda offer: offer[:2])
        refuse_if((unconfirmed, "confirmation_required"))
        return means

    def draw(self, command: Command, session: Session, seat: int | None) -> Means:
        """The credit of a draft; whoever names it confirms what it is worth."""
        package = command.package
        assert package is not None
        refused = self.credits_refused(package, 0, session, seat)
        refuse_if((bool(refused), refused))
        return Means("CREDIT", package, 0, self.price(package, 0, session, seat)[0])

    def price(self, package: Package, line: int, session: Session, seat: int | None) -> tuple[int, bool]:
        """What a line would pay, and whether that is more than the session asks for."""
        service, tier, unit, _ = package.product.lines[line]
        higher = service != session.service or tier not in {0, session.tier}
        return session.seats[seat] if seat else -(-session.minutes // unit), higher

    def pass_refused(self, package: Package, session: Session) -> str:
        return fallen(package) or self.pass_misfit(package, session)

    def pass_misfit(self, package: Package, session: Session) -> str:
        start, end = self.window(package)
        reasons = {
            SEVERAL: session.service != "GROUP",
            "package_expired": end is not None and session.start >= end,
            "package_not_started": start is not None and session.start < start,
            "all_access_used_today": session.day in self.days(package.student),
        }
        return next((code for code, is_one in reasons.items() if is_one), "")

    def credits_refused(self, package: Package, line: int, session: Session, seat: int | None) -> str:
        return fallen(package) or self.credits_misfit(package, line, session, seat)

    def credits_misfit(self, package: Package, line: int, session: Session, seat: int | None) -> str:
        service, tier, _, _ = package.product.lines[line]
        fits = service == session.service or (service, session.service) == ("PRIVATE", "GROUP")
        reasons = {
            # A step is not paid for like this, but by who takes it.
            SEVERAL: not fits
            or service == "COURSE"
            or 0 < tier < session.tier
            or self.left(package)[line] < self.price(package, line, session, seat)[0],
            "package_expired": self.ends_before(package, session),
        }
        return next((code for code, is_one in reasons.items() if is_one), "")

    def course_refused(self, package: Package, session: Session) -> str:
        """Why the course does not pay for one of its steps."""
        return fallen(package) or ("package_expired" if self.ends_before(package, session) else "")

    def ends_before(self, package: Package, session: Session) -> bool:
        """Whether a package ends before a session, or would end before another one if that were its first."""
        last, end = session.start, self.window(package)[1]
        if package.product.from_first_use:
            starts = [*self.starts(package), session.start]
            last, end = max(starts), self.lasting(package, min(starts))
        return end is not None and last >= end

    def friend_pass(self, student: str, session: Session) -> Package:
        """The friend pass that ends first."""
        lasting = []
        for package in self.held(student):
            until = package.friend_until
            usable = package.standing == "ACTIVE" and not self.friend_came(package)
            asked = sum(b.means == Means("FRIEND_PASS", package) for b in self.bookings)
            if usable and asked < MOST_FRIENDS and until and session.start < until:
                lasting.append((until, package.id, package))
        refuse_if((not lasting, "friend_pass_unavailable"))
        return min(lasting)[2]


def fallen(package: Package) -> str:
    """What is the matter with a package by its payment."""
    return "" if package.standing == "ACTIVE" else f"package_{package.standing.lower()}"
