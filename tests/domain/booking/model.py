"""The rules of PRODUCT.md §3-4 once more: what becomes of a command.

Written against the page, not against the engine: it imports nothing of ours. Slow, and hard to get wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from tests.domain.booking.books import Booking, Books, Command, Means, Package, Session, end_of_days

WINDOW, UNDO, BEGUN = timedelta(hours=24), timedelta(minutes=15), timedelta(minutes=15)
ENDLESS = datetime.max.replace(tzinfo=UTC)
# Of several reasons why nothing pays, the first is told.
REASONS = ["all_access_used_today", "package_suspended", "package_expired", "package_not_started"]
SEVERAL = "insufficient_credits"


class Refused(Exception):
    """A command that cannot be done, by its code."""


def refuse_if(*reasons: tuple[bool, str]) -> None:
    """Refuse by the first reason that is one."""
    for is_one, code in reasons:
        if is_one:
            raise Refused(code)


class Model(Books):
    def do(self, command: Command, at: datetime) -> str:
        """Return `done`, or the code of the refusal."""
        try:
            refuse_if((at - command.asked_at > BEGUN, "too_late"))
            if command.kind == "book":
                command.made = self.take(command, command.session, at)
            else:
                self.give_up(command, command.booking, at)
        except Refused as refusal:
            return str(refusal)
        return "done"

    def give_up(self, command: Command, old: Booking | None, at: datetime) -> None:
        """Cancel, or change: then the old one stands if the new one is impossible."""
        if old is None or old.student != command.student:
            raise Refused("not_found")
        start = old.session.start
        late = start - old.made_at < WINDOW and at - old.made_at <= UNDO
        free = command.override or start - at >= WINDOW or late
        refuse_if(
            (old.status != "CONFIRMED", "booking_closed"),
            (start <= at, "too_late" if command.asked_at < start else "session_started"),
            (not free and not command.forfeit, "cancellation_window_closed"),
            (command.kind == "change" and old.host is not None, "validation_failed"),
        )
        party = [each for each in (old, self.guest(old)) if each]
        self._mark(party, status="CANCELLED" if free else "FORFEITED")
        if command.kind == "change":
            try:
                command.made = self.take(self.instead(command, party), command.session or old.session, at)
            except Refused:
                self._mark(party, status="CONFIRMED")
                raise
            if start - at < WINDOW:
                # An undo is not renewed by a change.
                self._mark(command.made, made_at=old.made_at)

    def _mark(self, party: Sequence[Booking], **said: Any) -> None:
        for each in party:
            vars(each).update(said)

    def instead(self, command: Command, party: Sequence[Booking]) -> Command:
        """A guest comes along; what replaces a gift is one; another seat in a session is paid as the old one was."""
        old, stays = party[0], command.session in {None, party[0].session}
        if len(party) > 1:
            command = replace(command, friend=True, friend_seat=party[1].seat if stays else None)
        if command.payment or command.package:
            return command
        if old.means.payment == "FREE":
            return replace(command, payment="FREE")
        if not stays:
            return command
        return replace(command, payment=old.means.payment, package=old.means.package, confirmed=True)

    def take(self, command: Command, session: Session | None, at: datetime) -> list[Booking]:
        if session is None or session.org != self.orgs[command.student]:
            raise Refused("not_found")
        mine = [b.session for b in self.booked(command.student)]
        refuse_if(
            (session.start <= at, "too_late" if command.asked_at < session.start else "session_started"),
            (session.service == "COURSE", "enrollment_required"),
            (session in mine, "already_booked"),
            (any(each.overlaps(session) for each in mine), "time_conflict"),
        )
        seat, friend_seat = self.seats(command, session)
        made = [Booking(command.student, session, seat, self.pay(command, session, seat), at)]
        if command.friend:
            means = Means("FRIEND_PASS", self.friend_pass(command.student, session))
            made.append(Booking(command.student, session, friend_seat, means, at, made[0]))
        self.bookings += made
        return made

    def seats(self, command: Command, session: Session) -> tuple[int | None, int | None]:
        """The seats that are named, else the cheapest free ones."""
        sat = {b.seat for b in self.inside(session)}
        free = sorted((seat for seat in session.seats if seat not in sat), key=lambda seat: session.seats[seat])
        room = session.capacity - len(self.inside(session))
        refuse_if(((min(room, len(free)) if session.seats else room) < 1 + command.friend, "session_full"))
        named = [seat for seat in (command.seat, command.friend_seat) if seat is not None]
        for seat in named:
            refuse_if((seat not in session.seats, "validation_failed"), (seat in sat, "seat_taken"))
        refuse_if((len(named) > len({*named}), "seat_taken"))
        others: Iterator[int | None] = chain((seat for seat in free if seat not in named), [None, None])
        mine = next(others) if command.seat is None else command.seat
        return mine, (next(others) if command.friend and command.friend_seat is None else command.friend_seat)

    def friend_pass(self, student: str, session: Session) -> Package:
        """The friend pass that ends first."""
        lasting = []
        for package in self.held(student):
            until = end_of_days(package.bought_at, package.product.friend_days, package.product.org)
            usable = package.product.friend_days and package.standing == "ACTIVE" and not self.friend_came(package)
            if usable and session.start < until:
                lasting.append((until, package.id, package))
        refuse_if((not lasting, "friend_pass_unavailable"))
        return min(lasting)[2]

    def pay(self, command: Command, session: Session, seat: int | None) -> Means:
        """The first that pays: passes, what needs no confirmation, the session's own service, what ends first."""
        held = self.held(command.student)
        if command.payment == "FREE":
            return Means("FREE")
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

    def price(self, package: Package, line: int, session: Session, seat: int | None) -> tuple[int, bool]:
        """What a line would pay, and whether that is more than the session asks for."""
        service, tier, unit, _ = package.product.lines[line]
        higher = service != session.service or tier not in {0, session.tier}
        return session.seats[seat] if seat else -(-session.minutes // unit), higher

    def pass_refused(self, package: Package, session: Session) -> str:
        start, end = self.window(package)
        reasons = {
            f"package_{package.standing.lower()}": package.standing != "ACTIVE",
            SEVERAL: session.service != "GROUP",
            "package_expired": end is not None and session.start >= end,
            "package_not_started": start is not None and session.start < start,
            "all_access_used_today": session.day in self.days(package.student),
        }
        return next((code for code, is_one in reasons.items() if is_one), "")

    def credits_refused(self, package: Package, line: int, session: Session, seat: int | None) -> str:
        service, tier, _, _ = package.product.lines[line]
        fits = service == session.service or (service, session.service) == ("PRIVATE", "GROUP")
        last, end = session.start, self.window(package)[1]
        if package.product.from_first_use:
            starts = [*self.starts(package), session.start]
            last, end = max(starts), end_of_days(min(starts), package.product.days, package.product.org)
        reasons = {
            f"package_{package.standing.lower()}": package.standing != "ACTIVE",
            SEVERAL: not fits
            or 0 < tier < session.tier
            or self.left(package)[line] < self.price(package, line, session, seat)[0],
            "package_expired": end is not None and last >= end,
        }
        return next((code for code, is_one in reasons.items() if is_one), "")
