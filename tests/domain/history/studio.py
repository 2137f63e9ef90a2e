"""What the studio and its clock do: who came, called off, moved, corrected, redeemed, ended (PRODUCT.md §2, 4, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tests.domain.history.books import Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.enrolled import Enrolled
from tests.domain.history.nouns import Booking, Coupon, Package, Product, Session, end_of_days, in_order
from tests.domain.history.places import CUT_OFF

COMPLETED_AFTER, TO_SPEND = timedelta(hours=4), 14
MARKS = {"ATTENDED": "COMPLETED", "NO_SHOW": "NO_SHOW"}


class Studio(Enrolled):
    def attend(self, command: Command, at: datetime) -> None:
        session = _session(command)
        inside = self.inside(session)
        refuse_if(
            (session.off, "session_cancelled"),
            (session.start > at, "session_not_started"),
            (any(command.marked[number] not in inside for number in command.marks), "validation_failed"),
        )
        marks = [(booking, MARKS[command.marks[number]]) for number, booking in command.marked.items()]
        # The step of what was opened again is taken elsewhere by now.
        refuse_if((any(b and b.reopened and b.status != mark for b, mark in marks), "validation_failed"))
        for number, booking in command.marked.items():
            assert booking
            booking.status = MARKS[command.marks[number]]

    def call_off(self, command: Command, at: datetime) -> None:
        """Everything comes back to everybody, and lasts long enough to be used."""
        session = _session(command)
        refuse_if((session.off, "session_cancelled"))
        session.off = True
        for host in [b for b in self.inside(session) if not b.host]:
            host.undo_until = None
            self.release(host, "CANCELLED", at)
            package = host.means.package
            if package is None or package.standing == "REVOKED":
                self.shelve(package)
                continue
            if host.means.payment == "ALL_ACCESS":
                self.gain_a_day(package, at)
            if host.means.payment in {"CREDIT", "COURSE"} and self.has_ended(package, at):
                package.until = end_of_days(at, TO_SPEND, package.product.org)
            if not self.has_ended(package, at):
                self.revive(package)
        for wait in self.line(session):
            wait.end("CLOSED", "session_cancelled")

    def revive(self, package: Package) -> None:
        """What is not over after all has its drafts again: as many as credits."""
        if package.shelved:
            self.open_again(package)

    def open_again(self, package: Package, first: Sequence[int | None] = ()) -> None:
        """Open as many drafts as credits are left: those that are named first, then what went with the package."""
        due = max(self.left(package)[0] - len(package.drafts), 0)
        shelved = in_order(package.shelved)
        package.drafts = in_order([*package.drafts, *[*in_order(first), *shelved][:due]])
        package.shelved = shelved[max(due - len(first), 0) :]

    def shelve(self, package: Package | None) -> None:
        """What is over, or was paid back, has no open draft."""
        if package:
            package.shelved, package.drafts = [*package.shelved, *package.drafts], []

    def gain_a_day(self, package: Package, at: datetime, through: int = 1) -> None:
        """A day more for the last of the passes that follow each other; one that is over lasts through tomorrow."""
        org = package.product.org
        passes = [p for p in self.held(package.student) if p.product.is_pass and p.standing != "REVOKED"]
        while True:
            end = package.pass_until
            end = end_of_days(end, 0, org) if end > at else end_of_days(at, through, org)
            behind = [p for p in passes if p.pass_until > package.pass_until and p.pass_from < end]
            if not behind:
                package.pass_until, package.extended = end, True
                return
            package = behind[0]

    def move(self, command: Command, at: datetime) -> None:
        session = _session(command)
        start = command.start or session.start
        end = start + timedelta(minutes=command.minutes or session.minutes)
        refuse_if(
            (session.off, "session_cancelled"),
            (session.start <= at, "too_late" if command.asked_at < session.start else "session_started"),
            (start <= at, "validation_failed"),
            (session.teacher is not None and command.capacity not in {None, 1}, "validation_failed"),
        )
        hosts = [b for b in self.inside(session) if not b.host]
        elsewhere = [b.session for host in hosts for b in self.booked(host.student) if b.session is not session]
        others = [s for s in self.sessions if s.teacher and s.teacher is session.teacher and s is not session]
        is_moved = (start, end) != (session.start, session.end)
        alike = [s for s in self.sessions if s.kind and s.kind == session.kind and s is not session and not s.off]
        refuse_if(
            (is_moved and any(each.meets(start, end) for each in elsewhere), "time_conflict"),
            ((command.capacity or session.capacity) < len(self.inside(session)), "validation_failed"),
            (any(not each.off and each.meets(start, end) for each in others), "teacher_unavailable"),
            (any(each.start == start for each in alike), "validation_failed"),
        )
        session.start, session.end, session.capacity = start, end, command.capacity or session.capacity
        for host in hosts if is_moved else ():
            self.take_along(host)

    def take_along(self, host: Booking) -> None:
        """A booking of a session that was moved: free to cancel, on its new day, and its package lasts until then."""
        for each in self.party(host):
            each.moved = True
        package, session = host.means.package, host.session
        if package is None:
            return
        start, end = self.window(package)
        is_free = session.day not in self.days(host.student)
        if host.means.payment == "ALL_ACCESS" and start and end and is_free and start <= session.start < end:
            host.day = session.day
        last = max(self.starts(package)) if package.product.from_first_use else session.start
        if host.means.payment in {"CREDIT", "COURSE"} and end and end <= last:
            package.until = end_of_days(last, 0, package.product.org)

    def adjust(self, command: Command, at: datetime) -> None:
        package, given = command.package, command.credits
        if package is None or package.student != command.student:
            raise Refused("not_found")
        lines = package.product.lines
        refuse_if((command.line >= len(lines) or lines[command.line][0] == "COURSE", "validation_failed"))
        refuse_if(
            (package.standing == "REVOKED", "package_revoked"),
            (self.has_ended(package, at) and package.product.later and given > 0, "package_expired"),
            (self.left(package)[command.line] + given < 0, "insufficient_credits"),
        )
        package.given[command.line] += given
        if package.product.later:
            package.drafts = [*package.drafts, *[None] * given] if given > 0 else package.drafts[:given]

    def redeem(self, command: Command, at: datetime) -> None:
        """Hand a package over, with a coupon or without one; its number is told later."""
        coupon = self.coupons.get(command.coupon or "")
        if command.coupon and (coupon is None or coupon.org != self.orgs[command.student] or self.is_over(coupon, at)):
            raise Refused("coupon_invalid")
        product = self.products[self.chosen(command, coupon)]
        if coupon:
            product = _by_coupon(coupon, product)
        command.paid = _price(product, coupon)
        refuse_if((command.by_student and command.paid > 0, "coupon_invalid"))
        used = [p.student for p in self.packages if coupon and p.coupon == command.coupon]
        most, most_each = (coupon.most, coupon.most_each) if coupon else (1, 1)
        refuse_if((len(used) >= most or used.count(command.student) >= most_each, "coupon_exhausted"))
        command.redeemed = self.buy(0, command.student, product, at, coupon.bonus if coupon else 0)
        command.redeemed.coupon = command.coupon

    def is_over(self, coupon: Coupon, at: datetime) -> bool:
        return coupon.days is not None and at >= self.begun + timedelta(days=coupon.days)

    def chosen(self, command: Command, coupon: Coupon | None) -> str:
        """The package that is named, or that the coupon is for."""
        if coupon is None:
            return command.product or ""
        allowed = (coupon.product,) if coupon.product else coupon.applies_to
        refuse_if((bool(command.product and allowed) and command.product not in allowed, "coupon_invalid"))
        if command.product:
            return command.product
        refuse_if((len(allowed) != 1, "coupon_invalid" if command.by_student else "validation_failed"))
        return str(allowed[0])

    def complete(self, at: datetime) -> None:
        """Whoever was not marked some hours after the end counts as having come."""
        for booking in self.bookings:
            if booking.status == "CONFIRMED" and booking.session.end + COMPLETED_AFTER <= at:
                booking.status = "COMPLETED"

    def expire(self, at: datetime) -> None:
        """Open drafts end with their package; those of one that is disputed are frozen."""
        for package in self.packages:
            if package.standing == "ACTIVE" and self.has_ended(package, at):
                self.shelve(package)

    def close_lines(self, at: datetime) -> None:
        for wait in [w for session in self.sessions for w in self.line(session)]:
            if at >= self.closes(wait):
                is_cut_off = at >= wait.session.start - CUT_OFF
                wait.end("CLOSED", "cut_off" if is_cut_off else "auto_book_until")


def _session(command: Command) -> Session:
    assert command.session
    return command.session


def _price(product: Product, coupon: Coupon | None) -> int:
    """Percentages round half up."""
    if coupon is None:
        return product.price
    if coupon.price is not None:
        return coupon.price
    return max(product.price - (product.price * coupon.percent + 50) // 100 - coupon.amount, 0)


def _by_coupon(coupon: Coupon, product: Product) -> Product:
    gives = coupon.credits or coupon.bonus
    refuse_if((bool(gives) and len(product.lines) != 1, "coupon_invalid"))
    if not coupon.credits:
        return product
    ((service, tier, unit, _),) = product.lines
    return replace(product, lines=((service, tier, unit, coupon.credits),))
