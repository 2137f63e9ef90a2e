"""A place taken and given up (PRODUCT.md §4), and those who are promised one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, takewhile

from tests.domain.history.books import refuse_if
from tests.domain.history.command import Command
from tests.domain.history.courses import Option, Progress
from tests.domain.history.nouns import Booking, Means, Package, Session, Wait
from tests.domain.history.paying import Paying

# A step of somebody's, and the option by which it is taken.
Taking = tuple[Progress, Option]
CUT_OFF = timedelta(hours=2)


class Places(Paying):
    def check_open(self, session: Session, command: Command, at: datetime) -> None:
        refuse_if(
            (session.off, "session_cancelled"),
            (session.start <= at, "too_late" if command.asked_at < session.start else "session_started"),
        )

    def check_free(self, student: str, session: Session) -> None:
        mine = [b.session for b in self.booked(student)]
        refuse_if(
            (session in mine, "already_booked"),
            (any(each.meets(session.start, session.end) for each in mine), "time_conflict"),
        )

    def put(
        self, command: Command, session: Session, at: datetime, promised: int, taking: Taking | None = None
    ) -> list[Booking]:
        """Put a student into a session, and their friend, or nobody; what they waited for there they have got."""
        seat, friend_seat = self.seats(command, session, promised)
        means = self.pay_for_step(taking, session) if taking else self.pay(command, session, seat)
        friend_pass = self.friend_pass(command.student, session) if command.friend else None
        made = [Booking(command.student, session, seat, means, at, session.day)]
        if friend_pass:
            paid = Means("FRIEND_PASS", friend_pass)
            made.append(Booking(command.student, session, friend_seat, paid, at, session.day, made[0]))
        if made[0].is_draft and means.package:
            made[0].number = self.take_drafts(means.package, means.credits, command.number)
        if taking:
            taking[0].book(made[0], taking[1])
        self.bookings += made
        if wait := self.wait(session, command.student):
            wait.end("CLOSED", "booked")
        return made

    def pay_for_step(self, taking: Taking, session: Session) -> Means:
        package = taking[0].enrollment.package
        refused = self.course_refused(package, session)
        refuse_if((bool(refused), refused))
        return Means("COURSE", package, 0, 1)

    def seats(self, command: Command, session: Session, promised: int) -> tuple[int | None, int | None]:
        """The seats that are named, else the cheapest free ones."""
        sat = {b.seat for b in self.inside(session)}
        free = sorted((seat for seat in session.seats if seat not in sat), key=lambda seat: session.seats[seat])
        refuse_if((self.room(session) - promised < 1 + command.friend, "session_full"))
        named = [seat for seat in (command.seat, command.friend_seat) if seat is not None]
        for seat in named:
            refuse_if((seat not in session.seats, "validation_failed"), (seat in sat, "seat_taken"))
        refuse_if((len(named) > len({*named}), "seat_taken"))
        others: Iterator[int | None] = chain((seat for seat in free if seat not in named), [None, None])
        mine = next(others) if command.seat is None else command.seat
        return mine, (next(others) if command.friend and command.friend_seat is None else command.friend_seat)

    def promised(self, session: Session, student: str, at: datetime) -> int:
        """How many places are for those who wait before a student (docs/adr/0014)."""
        own = self.wait(session, student)
        ahead = takewhile(lambda wait: wait is not own, self.line(session))
        return sum(wait.status == "WAITING" and at < self.closes(wait) for wait in ahead)

    def closes(self, wait: Wait) -> datetime:
        end = wait.session.start - CUT_OFF
        return min(end, wait.until or end)

    def take_drafts(self, package: Package, count: int, named: int) -> int | None:
        """A booking is the draft that is named, or the first; so many are gone with it."""
        package.drafts.sort(key=lambda draft: draft != named)
        taken, package.drafts = package.drafts[0], package.drafts[count:]
        return taken

    def release(self, host: Booking, status: str, at: datetime, *, stays: bool = False) -> None:
        """Free the places of a party; what was a draft is one again, and what was made for a student alone is over."""
        for each in self.party(host):
            each.status = status
        package = host.means.package
        if status == "CANCELLED" and host.is_draft and package:
            known = sorted(n for n in [*package.drafts, host.number] if n is not None)
            unknown = len(package.drafts) + host.means.credits - len(known)
            package.drafts = [*known, *[None] * unknown]
        if host.session.teacher and not host.host:
            host.session.off = True
        if host.undo_until and at <= host.undo_until and not stays:
            self.undo(host)

    def undo(self, host: Booking) -> None:
        """Whoever gives a promotion back is not promoted there again."""
        for wait in self.waits:
            if wait.booking is host and wait.status == "PROMOTED":
                wait.end("LEFT")

    def has_undone(self, student: str, session: Session) -> bool:
        mine = [w for w in self.waits if w.student == student and w.session is session]
        return any(w.booking and w.status == "LEFT" for w in mine)
