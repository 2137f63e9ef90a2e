"""A history played twice: on the studios that run, and in the model that says what is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from db.models import Base
from tests.domain.history import asking
from tests.domain.history.command import Command
from tests.domain.history.comparing import compare
from tests.domain.history.comparing_courses import compare_courses
from tests.domain.history.faults import CutOff, Killed, Time, killed
from tests.domain.history.nouns import Booking, Session, Teacher
from tests.domain.history.school import open_courses
from tests.domain.history.shop import COUPONS, OFFER, PRODUCTS, TEACHERS
from tests.domain.history.telling import Telling
from worker import upkeep
from worker.inbox import drain_batch
from worker.job_inbox import JOBS

_numbers = count(1)
SOLD = {"organizations", "products", "package_allowances", "stripe_prices", "coupons", "coupon_products"}
SOLD |= {"course_programs", "course_steps", "course_step_options"}
# Classes that serve courses are sold, too.
ONLY = {"group_classes": " WHERE id NOT IN (SELECT group_class_id FROM course_step_options)"}
EMPTY = "; ".join(
    f"DELETE FROM {t.name}{ONLY.get(t.name, '')}" for t in reversed(Base.metadata.sorted_tables) if t.name not in SOLD
)
# In the order in which they took effect: a worker commits one transaction after the other.
DONE = "SELECT id, kind, request, result, problem FROM jobs WHERE id > %(after)s ORDER BY xmin::text::bigint, id"
HOURS = """
INSERT INTO teacher_availability (organization_id, teacher_id, weekday, opens, closes)
SELECT organization_id, id, weekday, %(opens)s, %(closes)s FROM teachers, generate_series(1, 7) weekday
 WHERE id = %(id)s
"""
POST = "UPDATE {} SET status = 'SENT', sent_at = due_at WHERE status = 'PENDING'"
LATER = "UPDATE stripe_calls SET due_at = least(%(at)s, give_up_at) WHERE status = 'PENDING'"
UNTIL = "UPDATE coupons SET valid_until = %(at)s WHERE code = %(code)s"
# What the clock does, and what the model calls it.
TASKS = {
    "complete": upkeep.complete_bookings,
    "expire": upkeep.expire_packages,
    "close_lines": upkeep.tend_waitlists,
}


@dataclass
class History(Telling):
    """Eight students of two studios, and what happens to them; each history begins with nothing but a shop."""

    last_job: int = 0

    def begin(self, start: datetime) -> None:
        with self.studio.engine.begin() as connection:
            connection.execute(text(EMPTY))
        Time.at, number = start, next(_numbers)
        self.model.begun, self.model.products, self.model.coupons = start, PRODUCTS, COUPONS
        self.model.orgs = {
            f"{name}-{number}": org for name, org in zip("abcdefgh", ["lumen", "thrive"] * 4, strict=True)
        }
        for name, org in self.model.orgs.items():
            self.timetable.student(name, org)
        for org, tier, opens, closes in TEACHERS:
            teacher = self.timetable.teacher(org, tier)
            self.studio.rows(HOURS, id=teacher, opens=opens, closes=closes)
            self.model.teachers.append(Teacher(teacher, org, tier, opens, closes))
        self.courses = open_courses(self.studio)
        for code, coupon in COUPONS.items():
            if coupon.days:
                self.studio.rows(UNTIL, code=code, at=start + timedelta(days=coupon.days))

    def pass_time(self, wait: timedelta) -> None:
        """Time goes by, and the post leaves meanwhile; a Stripe that is away is asked again, and given up some day."""
        for table in ("notifications", "domain_events"):
            self.studio.rows(POST.format(table))
        Time.at += wait
        self.studio.rows(LATER, at=Time.at)
        self.give_up()

    def strike(self, task: str) -> None:
        """The clock does one of its tasks."""
        TASKS[task](self.studio.engine, at=Time.at)
        getattr(self.model, task)(Time.at)
        self.work({}, "", timedelta())

    def offer(self, hours: int, seats: tuple[int, ...], tier: int | None, **more: Any) -> None:
        start = Time.at.replace(minute=0) + timedelta(hours=hours)
        values = more | {"start": start, "end": start + timedelta(minutes=more["minutes"]), "seats": list(seats)}
        values |= {"tier": tier, "at": Time.at, "code": f"C-{next(_numbers)}"}
        row = self.studio.one(OFFER, **values)
        costs = dict(zip(row["seats"], seats, strict=True))
        kind = (more["org"], more["service"], tier or 0)
        self.model.sessions.append(Session(row["id"], *kind, start, values["end"], more["capacity"], costs))

    def ask(self, commands: list[Command], fault: str, away: timedelta) -> None:
        """Store commands, and have them done."""
        orgs = [self.model.orgs.get(each.student) or (each.session.org if each.session else "") for each in commands]
        stored = [asking.store(self.timetable, each, org) for each, org in zip(commands, orgs, strict=True)]
        self.work(dict(zip(stored, commands, strict=True)), fault, away)

    def work(self, commands: Mapping[int, Command], fault: str, away: timedelta) -> None:
        """Do all that is due, perhaps after a crash and a while without a worker; compare each outcome."""
        if fault == "killed":
            with pytest.raises(Killed):
                drain_batch(replace(JOBS, handle=killed), self.studio.engine)
            self.pass_time(away)
        if fault == "cut off":
            drain_batch(replace(JOBS, handle=CutOff()), self.studio.engine)
        self.timetable.work()
        done = self.studio.rows(DONE, after=self.last_job)
        self._check_order([row["id"] for row in done], commands)
        for row in done:
            if row["kind"] == "waitlist.promote":
                self._promote(row)
            else:
                self._replay(row, commands[row["id"]])
        self.learn_steps()
        self.last_job = max([self.last_job, *(row["id"] for row in done)])
        assert self.model.uncalled(Time.at) == []

    def _check_order(self, done: list[int], commands: Mapping[int, Command]) -> None:
        """Commands of one student take effect in the order in which they were accepted."""
        assert commands.keys() <= set(done)
        for student in self.model.orgs:
            own = [job for job in done if job in commands and commands[job].student == student]
            assert own == sorted(own)

    def _replay(self, row: Mapping[str, Any], command: Command) -> None:
        # A draft that was booked anew meanwhile is another booking under its old number.
        command.booking = self.bookings.get(command.number)
        command.marked = {number: self.bookings.get(number) for number in command.marks}
        code = row["problem"]["code"] if row["problem"] else "done"
        expected = self.model.do(command, Time.at)
        assert code == expected, (expected, command, row)
        result = row["result"] or {}
        self._learn_all(command, result)
        if command.ordered and command.package:
            self.ask_stripe(command.package, command.ordered, row["id"])
        if command.joined:
            command.joined.number = result["waitlistEntry"]["id"]
        if command.redeemed:
            told = result["redemption"]
            command.redeemed.id = told["id"]
            sold = (command.paid, sum(self.model.left(command.redeemed)))
            assert (told["paid"], told["credits"]) == sold, (command, told)

    def _learn_all(self, command: Command, result: Mapping[str, Any]) -> None:
        """Learn the bookings that a command made, and whether it says the same of them."""
        told = [result[name] for name in ("booking", "guestBooking") if name in result]
        if command.kind == "book_steps":
            told = [each["booking"] for each in result.get("bookings", ())]
            assert result.get("autoBooked", []) == [step.number for step in command.auto], (result, command)
        listed = [(each["courseStepId"], each["code"]) for each in result.get("notBooked", ())]
        assert listed == command.not_booked, (listed, command)
        # A cancellation tells of the old one; whoever is assigned a cohort is told of none here.
        for made, booking in zip(command.made, told, strict=True) if command.made and told else ():
            self._learn(made, booking["id"], booking["sessionId"])

    def _learn(self, made: Booking, number: int, session: int) -> None:
        """Learn the number of a booking, and of a session that was made for it."""
        assert made.number in {None, number}, (made, number)
        assert made.session.id in {0, session}
        made.number, made.session.id = number, session
        self.bookings[number] = made

    def _promote(self, row: Mapping[str, Any]) -> None:
        session = next(each for each in self.model.sessions if each.id == row["request"]["sessionId"])
        promoted, skipped = self.model.promote(session, Time.at)
        told = row["result"]
        assert told == {"promoted": [w.number for w in promoted], "skipped": [w.number for w in skipped]}, row
        for wait in promoted:
            entry = self.studio.one("SELECT booking_id FROM waitlist_entries WHERE id = %(id)s", id=wait.number)
            assert wait.booking
            self._learn(wait.booking, entry["booking_id"], session.id)

    def compare(self) -> None:
        """Compare all that is there with the model; the audit finds nothing."""
        compare(self.studio, self.model, self.bookings)
        compare_courses(self.studio, self.model)
