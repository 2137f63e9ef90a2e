"""Commands drawn at random: mostly such as somebody would ask for, now and then any."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from tests.domain.history.command import Command
from tests.domain.history.drawing_refunds import DrawRefunds
from tests.domain.history.faults import Time
from tests.domain.history.history import History
from tests.domain.history.nouns import Booking, Session
from tests.domain.history.shop import COUPONS, PRODUCTS

STUDENTS = {"book": 6, "cancel": 6, "join": 8, "change": 3, "schedule": 3, "leave": 1, "adjust": 1, "redeem": 1}
STAFF = {"attend": 4, "move": 2, "call_off": 2, "refund": 2}
HOURS = [2, 3, 20, 26, 27, 27, 28, 28, 29, 51, 51, 52, 70]


class Draw(DrawRefunds):
    """Commands, drawn from what there is in a history."""

    def __init__(self, history: History, random: Random) -> None:
        super().__init__(history, random)
        # What somebody is about to leave.
        self.left: Session | None = None

    def command(self) -> Command:
        if self.left and self.once_in(2):
            return self.rush(self.left)
        if self.model.bookings and self.once_in(4):
            (kind,) = self.random.choices(list(STAFF), list(STAFF.values()))
            return getattr(self, kind)()  # type: ignore[no-any-return]
        if self.once_in(3) and (of_course := self.of_course()):
            return of_course
        (kind,) = self.random.choices(list(STUDENTS), list(STUDENTS.values()))
        command = Command(kind, Time.at, self.one(sorted(self.model.orgs)))
        return getattr(self, kind)(command) or self.book(command)

    def crowd(self) -> list[Command]:
        """More than there is room for want to be in one session, and those who cannot wait for it."""
        student = self.one(sorted(self.model.orgs))
        ahead = [s for s in self.ahead(student) if s.capacity < 3 and s.service != "PRIVATE"]
        if not ahead:
            return [self.command()]
        session = self.one(ahead)
        students = [name for name, org in self.model.orgs.items() if org == session.org]
        self.random.shuffle(students)
        booked = [self.wish(Command("book", Time.at, student, session)) for student in students[:2]]
        return [*booked, *(Command("join", Time.at, student, session) for student in students[1:])]

    def rush(self, session: Session) -> Command:
        """Whoever is quick would have the place that came free."""
        self.left = None
        student = self.one([name for name, org in self.model.orgs.items() if org == session.org])
        return self.wish(Command("book", Time.at, student, session))

    # What students ask for. None where there is nothing to ask for.

    def book(self, command: Command) -> Command:
        command.kind = "book"
        command.session = self.some_session(command.student)
        return self.wish(command)

    def cancel(self, command: Command) -> Command | None:
        """Name a booking, sometimes of somebody else, and the terms on which it is given up."""
        every, standing = self.once_in(20), {n: b for n, b in self.history.bookings.items() if _stands(b)}
        # Where somebody waits, and what the line gave.
        crowded = [b for b in standing.values() if b.undo_until or self.model.line(b.session)]
        command.student = self.one(crowded).student if crowded and not self.once_in(3) else command.student
        known = {n: b for n, b in self.history.bookings.items() if every or b.student == command.student}
        if not known:
            return None
        first = [n for n in known if known[n] in crowded] or [n for n in known if n in standing]
        command.number = self.one(sorted(known) if self.once_in(8) or not first else first)
        command.booking = known[command.number]
        self.left = command.booking.session
        command.forfeit, command.override = self.once_in(3), self.once_in(4)
        return command

    def change(self, command: Command) -> Command | None:
        if not self.cancel(command):
            return None
        if self.once_in(2):
            command.session = self.some_session(command.student)
        return self.wish(command)

    def join(self, command: Command) -> Command | None:
        mine = [b.session for b in self.model.booked(command.student)]
        full = [s for s in self.ahead(command.student) if self.model.room(s) < 1 and s not in mine]
        if not full and not self.once_in(10):
            return None
        command.session = self.one(full) if full and not self.once_in(8) else self.some_session(command.student)
        if self.once_in(2):
            command.until = Time.at + timedelta(hours=self.one([-1, 1, 1, 5, 26]))
        return command

    def leave(self, command: Command) -> Command | None:
        waits = [w for session in self.model.sessions for w in self.model.line(session)]
        if not waits:
            return None
        wait = self.one(waits)
        command.session = wait.session
        command.student = command.student if self.once_in(8) else wait.student
        return command

    def schedule(self, command: Command) -> Command | None:
        """Mostly of those who have drafts; now and then a draft that is none any more, or somebody else's."""
        ever = self.once_in(8)
        known = {n: p for p in self.model.packages for n in (sorted(p.numbers) if ever else p.drafts) if n}
        if not known:
            return None
        command.number = self.one(sorted(known))
        command.student = command.student if self.once_in(20) else known[command.number].student
        if self.once_in(3):
            command.session = self.some_session(command.student)
            return command
        command.start = Time.at.replace(minute=0) + timedelta(hours=self.one(HOURS), minutes=self.one([0, 0, 30]))
        command.teacher = self.one(self.model.teachers) if self.once_in(4) else None
        return command

    def wish(self, command: Command) -> Command:
        """Say where to sit, how to pay and who comes along."""
        target = command.session or (command.booking.session if command.booking else None)
        seats = sorted(target.seats) if target else []
        held = self.model.held(command.student)
        if seats and self.once_in(2):
            command.seat = self.one(seats)
        if self.once_in(8):
            command.payment = self.one(["CREDIT", "ALL_ACCESS", "FREE", "COURSE", "COURSE"])
        if held and self.once_in(8):
            command.package = self.one(held)
        command.confirmed = self.once_in(2)
        brings = any(each.product.friend_days for each in held)
        if command.kind == "book" and self.once_in(2 if brings else 8):
            command.friend = True
            if seats and self.once_in(2):
                command.friend_seat = self.one(seats)
        return command

    # What the studio does.

    def adjust(self, command: Command) -> Command | None:
        held = [p for p in self.model.packages if p.product.lines]
        if not held:
            return None
        command.package = self.one(held)
        command.student = command.student if self.once_in(10) else command.package.student
        command.line = self.random.randrange(len(command.package.given) + self.once_in(10))
        command.credits = self.one([-3, -2, -1, -1, 1, 2])
        return command

    def redeem(self, command: Command) -> Command:
        org = self.model.orgs[command.student]
        if not self.once_in(3):
            coupons = [code for code, each in COUPONS.items() if each.org == org or self.once_in(10)]
            command.coupon, command.by_student = self.one(coupons), self.once_in(4)
        if not command.coupon or (not command.by_student and self.once_in(3)):
            command.product = self.one([code for code, each in PRODUCTS.items() if each.org == org])
        return command

    def attend(self) -> Command:
        begun = [s for s in self.model.sessions if s.start <= Time.at and self.model.inside(s)]
        begun = [s for s in begun if s.kind and self.once_in(2)] or begun
        if not begun and not self.once_in(10):
            return self.one([self.move, self.call_off])()
        command = Command("attend", Time.at, session=self.one(begun or self.model.sessions))
        inside = [b for b in self.model.inside(command.session) if b.number] if command.session else []
        named = [b for b in inside if not self.once_in(4)]
        named += [self.one(list(self.history.bookings.values()))] if self.history.bookings and self.once_in(10) else []
        command.marks = {b.number or 0: self.one(["ATTENDED", "NO_SHOW"]) for b in named}
        return command

    def call_off(self) -> Command:
        filled = [s for s in self.model.sessions if self.model.inside(s) or self.model.line(s)]
        ended = [
            b.session for p in self.model.packages if self.model.has_ended(p, Time.at) for b in self.model.spent(p)
        ]
        filled = [s for s in filled if s in ended and not self.once_in(3)] or filled
        return Command("call_off", Time.at, session=self.one(filled or self.model.sessions))

    def move(self) -> Command:
        filled = [s for s in self.model.sessions if self.model.inside(s) and s.start > Time.at]
        session = self.one(self.model.sessions if self.once_in(10) or not filled else filled)
        command = Command("move", Time.at, session=session)
        hours = self.one([-30, 0, *HOURS, 76, 100])
        command.start = Time.at.replace(minute=0) + timedelta(hours=hours) if hours else session.start
        command.minutes = self.one([30, 60, 120]) if self.once_in(4) else None
        command.capacity = self.one([1, 2, 3, 4]) if self.once_in(4) else None
        return command

    def offer(self, org: str) -> dict[str, Any]:
        """A session that crowds with others on a few days, sometimes across a local midnight."""
        return {
            "org": org,
            "hours": self.one([2, 3, 20, 27, 28, 28, 29, 29, 51, 51, 52, 52, 70, 100]),
            "minutes": self.one([30, 45, 60, 90, 90, 150]),
            "service": self.one(["GROUP"] * 14 + ["PRIVATE"] * (4 if org == "thrive" else 1) + ["COURSE"]),
            "capacity": self.one([1, 1, 2, 2, 3]),
            "seats": self.one([(), (), (2, 1), (1, 1, 2, 5)]),
            "tier": self.one([None, None, 0, 10, 20]),
        }


def _stands(booking: Booking) -> bool:
    return booking.status == "CONFIRMED" and booking.session.start > Time.at
