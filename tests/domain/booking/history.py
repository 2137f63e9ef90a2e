"""A history played twice: on the studios that run, and in the model that says what is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import yaml
from sqlalchemy.orm import Session as Transaction

from cli.demo import DEMO
from db.transaction import Rows, fetch
from tests.domain.booking.books import Booking, Command, Package, Product, Session
from tests.domain.booking.model import Model
from tests.stripe_objects import checkout, dispute, refund
from tests.studio import Studio
from tests.timetable import CURRENCY, Timetable
from worker.inbox import Outcomes, drain_batch
from worker.job_inbox import JOBS

PRODUCTS = {
    "SINGLE-RIDE": Product("lumen", 150_000, 90, (("GROUP", 0, 60, 1),)),
    "EXPLORER-5": Product("lumen", 500_000, 90, (("GROUP", 0, 60, 5),)),
    "ELITE-30": Product("lumen", 1_800_000, 365, (("GROUP", 0, 60, 30),), friend_days=30),
    "ALL-ACCESS-30": Product("lumen", 2_100_000, 30, is_pass=True),
    "TRIAL-3": Product("lumen", 90_000, 2, (("GROUP", 0, 45, 3),), friend_days=2, from_first_use=True),
    "DAYS-3": Product("lumen", 70_000, 3, (("GROUP", 0, 60, 4),)),
    "BUNDLE-5P-3G": Product("thrive", 40_000, 180, (("PRIVATE", 0, 30, 5), ("GROUP", 0, 60, 3))),
    "PREMIUM-3": Product("thrive", 24_000, 180, (("PRIVATE", 20, 30, 3),)),
    "WELLNESS-3": Product("thrive", 50_000, 365, (("PRIVATE", 0, 60, 3),)),
    "PASS-3": Product("thrive", 60_000, 3, is_pass=True),
}
# What the demo does not sell: days that begin with the first session, days that end soon, a pass where clocks change.
MORE: dict[str, list[dict[str, Any]]] = {
    "lumen": [
        {
            "code": "TRIAL-3",
            "name": "Trial",
            "price": 90_000,
            "validity_days": 2,
            "validity_starts": "FIRST_USE",
            "friend_pass_days": 2,
            "allowances": [{"service_type": "GROUP", "credits": 3, "credit_unit_minutes": 45}],
        },
        {
            "code": "DAYS-3",
            "name": "Three Days",
            "price": 70_000,
            "validity_days": 3,
            "allowances": [{"service_type": "GROUP", "credits": 4, "credit_unit_minutes": 60}],
        },
    ],
    "thrive": [{"code": "PASS-3", "name": "Pass", "price": 60_000, "validity_days": 3, "all_access_days": 3}],
}
_numbers = count(1)

LINES = """
SELECT k.id, k.starts_at, k.expires_at, array(SELECT a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u
    WHERE u.allowance_id = a.id), 0) FROM student_package_allowances a
    WHERE a.student_package_id = k.id ORDER BY a.position)::int[] AS left,
  EXISTS (SELECT FROM bookings b WHERE b.student_package_id = k.id AND b.payment_type = 'FRIEND_PASS'
           AND b.status <> 'CANCELLED') AS came
  FROM student_packages k WHERE k.id = ANY(%(ids)s)
"""
DAYS = """
SELECT s.external_id AS name, array_agg(u.usage_date ORDER BY u.usage_date) AS days
  FROM all_access_daily_usages u JOIN students s ON s.id = u.student_id
 WHERE u.freed_at IS NULL AND s.external_id = ANY(%(names)s) GROUP BY 1
"""
INSIDE = """
SELECT session_id, array_agg(coalesce(seat_id, 0) ORDER BY seat_id) AS seats FROM bookings
 WHERE session_id = ANY(%(ids)s) AND place IS NOT NULL GROUP BY 1
"""
STATUSES = "SELECT id, status FROM bookings WHERE id = ANY(%(ids)s)"
POST = "UPDATE {} SET status = 'SENT', sent_at = due_at WHERE status = 'PENDING'"


class Time:
    """The one place where a history's time comes from; in a history it only goes forward."""

    at = datetime(2027, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """What ends a worker's process, and no handler catches."""


def killed(session: Transaction, rows: Rows, at: datetime) -> Outcomes:
    """Do everything, and die before the commit."""
    JOBS.handle(session, rows, at)
    raise Killed


class CutOff:
    """Do everything, and lose the connection before the commit: the first time only."""

    def __init__(self) -> None:
        self.happened = False

    def __call__(self, session: Transaction, rows: Rows, at: datetime) -> Outcomes:
        outcomes = JOBS.handle(session, rows, at)
        if not self.happened:
            self.happened = True
            fetch(session, "SELECT pg_terminate_backend(pg_backend_pid())")
        return outcomes


def open_shop(studio: Studio) -> None:
    """Sell everything that histories are about."""
    document = yaml.safe_load(DEMO.read_text())
    for organization in document["organizations"]:
        organization["products"] += MORE[organization["slug"]]
    studio.apply(document)


@dataclass
class History:
    """Four students of two studios, and what happens to them; each history has students and sessions of its own."""

    timetable: Timetable
    model: Model = field(default_factory=Model)
    sessions: list[Session] = field(default_factory=list)
    bookings: dict[int, Booking] = field(default_factory=dict)
    payments: dict[Package, str] = field(default_factory=dict)

    @property
    def studio(self) -> Studio:
        return self.timetable.studio

    def begin(self, start: datetime) -> None:
        self.pass_time(timedelta())
        Time.at, number = start, next(_numbers)
        self.model.orgs = {f"{name}-{number}": org for name, org in zip("abcd", ["lumen", "thrive"] * 2, strict=True)}
        for name, org in self.model.orgs.items():
            self.timetable.student(name, org)

    def pass_time(self, wait: timedelta) -> None:
        """Time goes by, and the post leaves meanwhile."""
        for table in ("notifications", "domain_events"):
            self.studio.rows(POST.format(table))
        Time.at += wait

    def offer(self, hours: int, seats: tuple[int, ...], tier: int | None, **more: Any) -> None:
        start = Time.at.replace(minute=0) + timedelta(hours=hours)
        number = self.timetable.session(start, seats=seats, tier=tier, **more)
        costs = dict(zip(self.timetable.seats(number), seats, strict=True))
        end = start + timedelta(minutes=more["minutes"])
        kind = (more["org"], more["service"], tier or 0)
        self.sessions.append(Session(number, *kind, start, end, more["capacity"], costs))

    def buy(self, student: str, code: str) -> None:
        product, payment = PRODUCTS[code], f"pi_history_{next(_numbers)}"
        told: dict[str, Any] = {"amount": product.price, "currency": CURRENCY[product.org], "org": product.org}
        self.studio.deliver(checkout(code, payment=payment, student=student, email=None, **told))
        row = self.studio.one(
            "SELECT k.id FROM student_packages k JOIN orders o ON o.id = k.order_id JOIN payments p"
            " ON p.id = o.payment_id WHERE p.stripe_key = %(key)s",
            key=payment,
        )
        self.payments[self.model.buy(row["id"], student, product, Time.at)] = payment

    def refund(self, package: Package) -> None:
        payment = self.payments[package]
        self.studio.deliver(refund(payment, amount=package.product.price, refund_id=f"re_{payment}"))
        package.standing = "REVOKED"

    def dispute(self, package: Package) -> None:
        self.studio.deliver(dispute(self.payments[package]))
        package.standing = "SUSPENDED"

    def settle(self, package: Package, *, won: bool) -> None:
        said = {"status": "won" if won else "lost", "kind": "charge.dispute.closed"}
        self.studio.deliver(dispute(self.payments.pop(package), **said))
        package.standing = "ACTIVE" if won else "REVOKED"

    def work(self, commands: Mapping[int, Command], fault: str, away: timedelta) -> None:
        """Do stored commands in one batch, perhaps after a crash and a while without a worker; compare the outcomes."""
        if fault == "killed":
            with pytest.raises(Killed):
                drain_batch(replace(JOBS, handle=killed), self.studio.engine)
            self.pass_time(away)
        drain_batch(replace(JOBS, handle=CutOff()) if fault == "cut off" else JOBS, self.studio.engine)
        jobs = self._in_turn(commands) if fault == "cut off" else sorted(commands)
        for job, code in zip(jobs, self.timetable.codes(jobs), strict=True):
            command = commands[job]
            # A draft that was booked anew meanwhile is another booking under its old number.
            command.booking = self.bookings.get(command.number)
            assert code == self.model.do(command, Time.at), (command, self.timetable.outcome(job))
            if command.made:
                told = (self.timetable.outcome(job).result or {}).values()
                self.bookings |= {each["id"]: made for each, made in zip(told, command.made, strict=True)}

    def _in_turn(self, commands: Mapping[int, Command]) -> list[int]:
        """Return the order of what is done one by one: the first of each student, then the others by student."""
        first: dict[str, int] = {}
        for job in sorted(commands):
            first.setdefault(commands[job].student, job)
        names = list(self.model.orgs)
        rest = sorted(commands.keys() - first.values(), key=lambda job: (names.index(commands[job].student), job))
        return [*sorted(first.values()), *rest]

    def compare(self) -> None:
        """Compare every balance, date, day, place and status with the model; the audit finds nothing."""
        self._compare_packages()
        days = {row["name"]: row["days"] for row in self.studio.rows(DAYS, names=list(self.model.orgs))}
        assert days == {name: said for name in self.model.orgs if (said := self.model.days(name))}
        rows = self.studio.rows(INSIDE, ids=[each.id for each in self.sessions])
        inside = {row["session_id"]: sorted(row["seats"]) for row in rows}
        expected = {each.id: sorted(b.seat or 0 for b in self.model.inside(each)) for each in self.sessions}
        assert inside == {number: seats for number, seats in expected.items() if seats}
        for row in self.studio.rows(STATUSES, ids=list(self.bookings)):
            status = "CANCELLED" if row["status"] == "DRAFT" else row["status"]
            assert status == self.bookings[row["id"]].status
        assert self.studio.audit() == []

    def _compare_packages(self) -> None:
        packages = {each.id: each for each in self.model.packages}
        for row in self.studio.rows(LINES, ids=list(packages)):
            package = packages[row["id"]]
            said = (row["left"], row["came"], (row["starts_at"], row["expires_at"]))
            assert said == (self.model.left(package), self.model.friend_came(package), self.model.window(package))
