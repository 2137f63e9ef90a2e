"""What becomes of what was bought when its money goes back, is disputed, or comes back after all (PRODUCT.md §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from tests.domain.history.books import ACTIVE, IN_LINE
from tests.domain.history.courses import Enrollment
from tests.domain.history.nouns import ZONES, Package, Session, Wait, days_later, end_of_days
from tests.domain.history.payments import News
from tests.domain.history.studio import Studio

# What stands in the way of a pass or a package for now, and will not for good.
FOR_NOW = {"", "all_access_used_today", "package_suspended"}


class Turning(Studio):
    def hear(self, news: Sequence[News], at: datetime) -> None:
        """All that Stripe says at once; what counts is what is known of a payment by then, not in which order."""
        told = {each.payment: each.payment.dispute for each in news}
        before = {p: p.standing for p in self.packages if p.payment in told}
        changed = [each.payment for each in news if each.payment.hear(each)]
        self.turn({p: standing for p, standing in before.items() if standing != p.standing}, at)
        for package in before:
            if package.payment and (told[package.payment], package.payment.dispute) == ("OPEN", "WON"):
                self.resume(package, at)
        for payment, dispute in told.items():
            if payment.dispute == "OPEN" != dispute:
                payment.disputed_at = at
        for package, standing in before.items():
            if standing == "REVOKED" != package.standing and not self.has_ended(package, at):
                self.revive(package)
            if package.payment in changed:
                self.follow(package, at)

    def follow(self, package: Package, at: datetime) -> None:
        """What becomes of the refunds that the studio ordered."""
        raise NotImplementedError

    def turn(self, before: Mapping[Package, str], at: datetime) -> None:
        """What follows for packages that stand otherwise than they did."""
        gone = [p for p in before if p.standing == "REVOKED"]
        back = [p for p in before if before[p] == "REVOKED"]
        mine = sorted((e for e in self.enrollments if e.package in before), key=lambda each: each.number)
        for each in mine:
            if each.package in gone:
                self.revoke(each)
        self.cancel_ahead(gone, at)
        self.settle_courses([e for e in mine if e.package in back], [e for e in mine if e.package in gone], at)
        for wait in self.waits:
            if wait.status in IN_LINE and wait.session.start > at and self.is_lost(wait, gone, at):
                wait.end("CLOSED", "package_revoked")
        for package in gone:
            self.shelve(package)
        for student in {p.student for p in back if p.product.is_pass}:
            self.put_behind(student, [p for p in back if p.student == student], at)
        for student in {p.student for p in (*gone, *back) if p.product.is_pass and p.pass_until > at}:
            self.move_up(student, at)

    def settle_courses(self, back: Sequence[Enrollment], gone: Sequence[Enrollment], at: datetime) -> None:
        """Who is back is judged anew, one after the other; then who had bought a second time what went back."""
        for each in back:
            each.waits_for = "its turn"
        for each in back:
            self.bring_back(each, at)
        mine = {(each.package.student, each.course.code) for each in gone}
        for each in self.enrollments:
            is_second = each.waits_for == "SECOND_PURCHASE" and each not in back
            if is_second and (each.package.student, each.course.code) in mine:
                self.settle(each, at)

    # What is revoked.

    def cancel_ahead(self, gone: Sequence[Package], at: datetime) -> None:
        for booking in self.bookings:
            if booking.means.package in gone and booking.status == "CONFIRMED" and booking.session.start > at:
                # Nobody gave a promotion back.
                booking.undo_until = None
                self.release(booking, "CANCELLED", at)

    def move_up(self, student: str, at: datetime) -> None:
        """A pass that waits for the end of another one waits no longer; unless it is needed where it is."""
        until = at
        mine = [p for p in self.held(student) if p.product.is_pass and p.standing != "REVOKED" and p.pass_until > at]
        for package in sorted(mine, key=lambda each: (each.pass_from, each.id)):
            begins, end = until, end_of_days(until, package.product.days, package.product.org)
            booked = [b.session.start for b in self.bookings if b.means.package is package and b.status in ACTIVE]
            waits = package.pass_from > at and begins < package.pass_from and not package.extended
            if waits and all(start < end for start in booked):
                package.pass_from, package.pass_until = begins, end
            until = max(begins, package.pass_until)

    def put_behind(self, student: str, back: Sequence[Package], at: datetime) -> None:
        """What was bought after a pass that is back after all runs behind it again; unless it is needed where it is."""
        mine = [p for p in self.held(student) if p.product.is_pass and p.standing != "REVOKED"]
        mine.sort(key=lambda each: (each.bought_at, each.id))
        windows = {p: (p.pass_from, p.pass_until) for p in mine}
        first = min((mine.index(p) for p in back if p in mine), default=len(mine))
        for number, package in list(enumerate(mine))[first:]:
            before, (start, end), org = [windows[p] for p in mine[:number]], windows[package], package.product.org
            if not before or (start < at and all(end <= other[0] or other[1] <= start for other in before)):
                continue
            payments = ("ALL_ACCESS", "CREDIT")
            mine_too = [b for b in self.bookings if b.means.package is package and b.means.payment in payments]
            booked = [end_of_days(b.session.start, -1, org) for b in mine_too if b.status in ACTIVE]
            begins = min([max(other[1] for other in before), *booked])
            if begins > start:
                windows[package] = begins, end_of_days(begins, _days(start, end, org) - 1, org)
        for package, (start, end) in windows.items():
            if end > at:
                package.pass_from, package.pass_until = start, end

    def is_lost(self, wait: Wait, gone: Sequence[Package], at: datetime) -> bool:
        """Whether one of the packages would pay for what somebody waits for, and nothing else that they hold would."""
        mine = [p for p in gone if p.student == wait.student]
        if not any(self.would_pay(p, wait.session, at) for p in mine):
            return False
        others = [p for p in self.held(wait.student) if p.standing != "REVOKED"]
        return not any(self.would_pay(p, wait.session, at) for p in others)

    def would_pay(self, package: Package, session: Session, at: datetime) -> bool:
        """Whether a package pays for a session, or would but for its payment, or what is used that day."""
        end = self.window(package)[1]
        takings = [(step, option) for e in self.enrollments if e.package is package and not e.waits_for
                   for step in e.progress.values() for option in self.choices(step, at) if step.is_open]  # fmt: skip
        if any(self.serves(session, taking, at) for taking in takings):
            return end is None or session.start < end
        if session.service == "COURSE":
            return False
        if package.standing == "SUSPENDED":
            return True
        seat = min(session.seats, key=lambda each: session.seats[each], default=None)
        ways = [self.credits_misfit(package, line, session, seat) for line in range(len(package.product.lines))]
        ways += [self.pass_misfit(package, session)] if package.product.is_pass else []
        return bool(FOR_NOW.intersection(ways))

    # What a dispute took.

    def resume(self, package: Package, at: datetime) -> None:
        """The days that were lost are added: as many are ahead as were when the dispute began."""
        org, since = package.product.org, package.payment.disputed_at if package.payment else None
        assert since
        if package.friend_until and package.friend_until > since:
            package.friend_until = days_later(package.friend_until, _days(since, at, org), org)
        start, end = self.window(package)
        if start is None or end is None or end <= since:
            return
        lost = _days(max(since, start), min(at, end), org)
        if package.product.is_pass:
            for _ in range(lost):
                self.gain_a_day(package, at, through=0)
        elif lost > 0:
            package.until = days_later(max(end, end_of_days(at, -1, org)), lost, org)


def _days(start: datetime, end: datetime, org: str) -> int:
    """How many local midnights lie between."""
    return (_day(end, org) - _day(start, org)).days


def _day(instant: datetime, org: str) -> date:
    return instant.astimezone(ZONES[org]).date()
