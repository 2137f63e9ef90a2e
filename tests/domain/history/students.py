"""What students ask for: a place, another one, a place in line, a time for a draft (PRODUCT.md §4)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta

from tests.domain.history.books import IN_LINE, Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.nouns import Booking, Session, Teacher, Wait
from tests.domain.history.places import CUT_OFF, Taking
from tests.domain.history.steps import Steps

WINDOW, UNDO, PROMOTION_UNDO = timedelta(hours=24), timedelta(minutes=15), timedelta(minutes=60)
DRAFT = timedelta(minutes=60)


class Students(Steps):
    def own_session(self, command: Command) -> Session:
        session = command.session
        if session is None or session.org != self.orgs[command.student]:
            raise Refused("not_found")
        return session

    def book(self, command: Command, at: datetime) -> None:
        session = self.own_session(command)
        self.check_open(session, command, at)
        taking = self.taking(command, session, at)
        refuse_if((command.friend and session.service == "COURSE", "validation_failed"))
        self.check_free(command.student, session)
        command.made = self.put(command, session, at, self.promised(session, command.student, at), taking)
        self.skip([taking[0]] if taking else [])

    def cancel(self, command: Command, at: datetime) -> None:
        old, status = self.given_up(command, at)
        self.release(old, status, at)

    def given_up(self, command: Command, at: datetime) -> tuple[Booking, str]:
        """The booking that a command is about, and what becomes of it."""
        old = command.booking
        if old is None or old.student != command.student:
            raise Refused("not_found")
        return old, self.becomes(old, command, at)

    def becomes(self, old: Booking, command: Command, at: datetime) -> str:
        """CANCELLED gives back what paid, FORFEITED does not."""
        start = old.session.start
        undo = old.undo_until or (old.made_at + UNDO if start - old.made_at < WINDOW else at - UNDO)
        free = command.override or start - at >= WINDOW or old.moved or at <= undo
        refuse_if(
            (old.status != "CONFIRMED", "booking_closed"),
            (start <= at, "too_late" if command.asked_at < start else "session_started"),
            (not free and not command.forfeit, "cancellation_window_closed"),
        )
        return "CANCELLED" if free else "FORFEITED"

    def change(self, command: Command, at: datetime) -> None:
        """Cancel and book in one: the old one stands if the new one is impossible."""
        old, status = self.given_up(command, at)
        refuse_if((old.host is not None, "validation_failed"))
        command.session = command.session or old.session
        stays, party = command.session is old.session, self.party(old)
        before = self.remember(old, party)
        try:
            session = self.own_session(command)
            refuse_if((old.taken is not None and status == "FORFEITED", "cancellation_window_closed"))
            self.release(old, status, at, stays=stays)
            self.check_open(session, command, at)
            taking = self.same_step(old, session, at) if old.taken else self.taking(command, session, at)
            refuse_if((len(party) > 1 and session.service == "COURSE", "validation_failed"))
            self.check_free(command.student, session)
            promised = 0 if stays else self.promised(session, command.student, at)
            command.made = self.put(self.instead(command, party, status), session, at, promised, taking)
        except Refused:
            for each, said in before:
                vars(each).update(said)
            raise
        self.go_on(old, command.made, at)
        self.skip([taking[0]] if taking and not old.taken else [])

    def same_step(self, old: Booking, session: Session, at: datetime) -> Taking:
        """What takes a step goes on taking it."""
        found = self.takings(old.student, session, at, old.means.package)
        same = [taking for taking in found if taking[0] is old.taken and taking[0].is_open]
        refuse_if((not same, "invalid_option"))
        return same[0]

    def remember(self, old: Booking, party: Sequence[Booking]) -> list[tuple[object, dict[str, object]]]:
        waits = [wait for wait in self.waits if wait.student == old.student]
        packages = [old.means.package] if old.means.package else []
        things: list[object] = [*party, *waits, *packages, old.session]
        return [(each, {name: copy(value) for name, value in _plain(each)}) for each in things]

    def instead(self, command: Command, party: Sequence[Booking], status: str) -> Command:
        """A guest comes along; what replaces a gift is one; another seat in a session is paid as the old one was."""
        old, stays = party[0], command.session is party[0].session
        command = replace(command, number=0)
        if len(party) > 1:
            command = replace(command, friend=True, friend_seat=party[1].seat if stays else None)
        if command.payment or command.package or status == "FORFEITED":
            return command
        if old.means.payment == "FREE":
            return replace(command, payment="FREE")
        if not stays:
            return command
        return replace(command, payment=old.means.payment, package=old.means.package, confirmed=True)

    def go_on(self, old: Booking, made: Sequence[Booking], at: datetime) -> None:
        """An undo is not renewed by a change; on another seat one may do what one might on the old one."""
        for each in made:
            if old.session.start - at < WINDOW:
                each.made_at = old.made_at
            if each.session is old.session:
                each.moved, each.undo_until = old.moved, old.undo_until
        for wait in self.waits:
            if wait.booking is old and made[0].session is old.session:
                wait.booking = made[0]

    def join(self, command: Command, at: datetime) -> None:
        session, student = self.own_session(command), command.student
        self.check_open(session, command, at)
        refuse_if(
            (session.service == "PRIVATE", "validation_failed"),
            (session.start - CUT_OFF <= at, "waitlist_closed"),
            (session in [b.session for b in self.booked(student)], "already_booked"),
        )
        if session.service == "COURSE":
            self.must_take(student, session, at)
        refuse_if(
            (self.wait(session, student) is not None, "already_waiting"),
            (self.has_undone(student, session), "waitlist_closed"),
            (command.until is not None and command.until <= at, "validation_failed"),
            (self.room(session) > self.promised(session, student, at), "session_not_full"),
        )
        command.joined = Wait(student, session, command.until)
        self.waits.append(command.joined)

    def leave(self, command: Command, _at: datetime) -> None:
        wait = self.wait(self.own_session(command), command.student)
        if wait is None:
            raise Refused("not_found")
        wait.end("LEFT")

    def schedule(self, command: Command, at: datetime) -> None:
        package = next((p for p in self.held(command.student) if command.number in p.numbers), None)
        if package is None:
            raise Refused("not_found")
        refuse_if((command.number not in package.drafts, "booking_closed"))
        session = self.own_session(command) if command.session else self.arranged(command, at)
        self.check_open(session, command, at)
        refuse_if((session.service == "COURSE", "enrollment_required"))
        self.check_free(command.student, session)
        refuse_if((session.tier > 0, "validation_failed"))
        command.package = package
        command.made = self.put(command, session, at, self.promised(session, command.student, at))
        if session not in self.sessions:
            self.sessions.append(session)

    def arranged(self, command: Command, at: datetime) -> Session:
        """A session at a time at which a teacher can, who is none of a higher tier."""
        start = command.start
        if start is None or start <= at:
            raise Refused("validation_failed")
        org, end = self.orgs[command.student], start + DRAFT
        if command.teacher:
            refuse_if((command.teacher.org != org, "not_found"), (command.teacher.tier > 0, "validation_failed"))
        asked = [t for t in self.teachers if t.org == org and t.tier == 0 and command.teacher in {None, t}]
        able = [t for t in asked if t.can(start, end) and not self.teaches(t, start, end)]
        if not able:
            raise Refused("teacher_unavailable")
        return Session(0, org, "PRIVATE", 0, start, end, 1, {}, able[0])

    def teaches(self, teacher: Teacher, start: datetime, end: datetime) -> bool:
        return any(s.teacher is teacher and not s.off and s.meets(start, end) for s in self.sessions)

    def promote(self, session: Session, at: datetime) -> tuple[list[Wait], list[Wait]]:
        """Offer the free places of a session to those who wait; return who was booked and who could not be."""
        promoted, skipped = list[Wait](), list[Wait]()
        for wait in self.line(session):
            if session.off or self.room(session) < 1 or at >= self.closes(wait):
                continue
            try:
                taking = self.promised_step(wait, at)
                self.check_free(wait.student, session)
                (wait.booking,) = self.put(Command("promote", at, wait.student), session, at, 0, taking)
            except Refused as refused:
                skipped.append(wait)
                if wait.status == "WAITING":
                    wait.end("SKIPPED", str(refused))
                continue
            wait.end("PROMOTED")
            promoted.append(wait)
            self.skip([taking[0]] if taking else [])
            wait.booking.undo_until = min(at + PROMOTION_UNDO, session.start - CUT_OFF)
            self.withdraw(wait)
        return promoted, skipped

    def promised_step(self, wait: Wait, at: datetime) -> Taking | None:
        """The step that a promotion takes: of a group's session too, if one is open that its course can pay for."""
        if wait.session.service == "COURSE":
            return self.must_take(wait.student, wait.session, at)
        found = self.open_takings(wait.student, wait.session, at)[:1]
        return next((each for each in found if not self.course_refused(each[0].enrollment.package, wait.session)), None)

    def withdraw(self, promoted: Wait) -> None:
        """Whoever was promoted waits for nothing else at that time."""
        session = promoted.session
        mine = [w for w in self.waits if w.student == promoted.student and w.status in IN_LINE]
        for wait in mine:
            if wait.session is not session and wait.session.meets(session.start, session.end):
                wait.end("CLOSED", "overlap")


def _plain(thing: object) -> list[tuple[str, object]]:
    """What a change may alter of a thing."""
    names = ("status", "drafts", "off", "reason")
    return [(name, value) for name, value in vars(thing).items() if name in names]
