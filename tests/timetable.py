"""Sessions and commands in a test: fill the calendar, buy, book, change, cancel, look at what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from tests.stripe_objects import checkout
from tests.studio import MOST_BATCHES, Studio
from worker import clock
from worker.inbox import drain_batch, drain_suspect
from worker.job_inbox import JOBS

_numbers = count(1)
PRODUCTS = {
    "SINGLE-RIDE": ("lumen", 150_000),
    "EXPLORER-5": ("lumen", 500_000),
    "CORE-10": ("lumen", 800_000),
    "ELITE-30": ("lumen", 1_800_000),
    "ALL-ACCESS-30": ("lumen", 2_100_000),
    "BUNDLE-5P-3G": ("thrive", 40_000),
    "PREMIUM-3": ("thrive", 24_000),
    "WELLNESS-3": ("thrive", 50_000),
}
CURRENCY = {"lumen": "try", "thrive": "usd"}


@dataclass(frozen=True)
class Outcome:
    """What a command ended in."""

    job: int
    status: str
    result: dict[str, Any] | None
    problem: dict[str, Any] | None

    @property
    def code(self) -> str:
        """`done`, or the problem's code."""
        return str(self.problem["code"]) if self.problem else "done"

    @property
    def booking(self) -> dict[str, Any]:
        assert self.result, self.problem
        return dict(self.result["booking"])

    @property
    def id(self) -> int:
        return int(self.booking["id"])


@dataclass(frozen=True)
class Timetable:
    """The calendar of the demo studios, and a verb for each command."""

    studio: Studio
    teachers: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return self.studio.engine

    def organization(self, slug: str) -> int:
        return int(self.studio.one("SELECT id FROM organizations WHERE slug = %(slug)s", slug=slug)["id"])

    def teacher(self, org: str = "lumen", tier: int = 0) -> int:
        """Add a teacher, who can be in one place at a time."""
        row = self.studio.one(
            "INSERT INTO teachers (organization_id, code, name, tier, created_at)"
            " VALUES (%(org)s, %(code)s, 'Teacher', %(tier)s, %(at)s) RETURNING id",
            org=self.organization(org),
            code=f"T-{next(_numbers)}",
            tier=tier,
            at=clock.now(),
        )
        return int(row["id"])

    def session(
        self,
        start: datetime,
        *,
        org: str = "lumen",
        service: str = "GROUP",
        minutes: int = 45,
        capacity: int = 20,
        tier: int | None = None,
        seats: Sequence[int] = (),
        workshop: bool = False,
    ) -> int:
        """Add a session of a class of its own; `seats` are the credit costs of its seats."""
        values: dict[str, Any] = {"org": self.organization(org), "service": service, "minutes": minutes}
        values |= {"capacity": capacity, "workshop": workshop, "at": clock.now(), "code": f"C-{next(_numbers)}"}
        values["class"] = self.studio.one(
            "INSERT INTO group_classes (organization_id, code, name, service_type, is_workshop, capacity, minutes,"
            " created_at) VALUES (%(org)s, %(code)s, %(code)s, %(service)s, %(workshop)s, %(capacity)s, %(minutes)s,"
            " %(at)s) RETURNING id",
            **values,
        )["id"]
        for position, cost in enumerate(seats):
            self.studio.rows(
                "INSERT INTO seats (organization_id, group_class_id, position, label, credit_cost)"
                " VALUES (%(org)s, %(class)s, %(position)s, %(position)s + 1, %(cost)s)",
                **values | {"position": position, "cost": cost},
            )
        values |= {"start": start, "end": start + timedelta(minutes=minutes)}
        values["teacher"] = None if tier is None else self.teacher(org, tier)
        row = self.studio.one(
            "INSERT INTO class_sessions (organization_id, group_class_id, teacher_id, service_type, start_at, end_at,"
            " capacity, created_at) VALUES (%(org)s, %(class)s, %(teacher)s, %(service)s, %(start)s, %(end)s,"
            " %(capacity)s, %(at)s) RETURNING id",
            **values,
        )
        return int(row["id"])

    def seats(self, session: int) -> list[int]:
        """Return the ids of a session's seats, in their order."""
        rows = self.studio.rows(
            "SELECT e.id FROM seats e JOIN class_sessions c ON c.group_class_id = e.group_class_id"
            " WHERE c.id = %(session)s ORDER BY e.position",
            session=session,
        )
        return [int(row["id"]) for row in rows]

    def buy(self, student: str, product: str = "EXPLORER-5") -> int:
        """Buy a package; return its id."""
        org, amount = PRODUCTS[product]
        payment = f"pi_of_{student}_{next(_numbers)}"
        self.studio.deliver(
            checkout(
                product, payment=payment, amount=amount, currency=CURRENCY[org], org=org, student=student, email=None
            )
        )
        row = self.studio.one(
            "SELECT k.id FROM student_packages k JOIN orders o ON o.id = k.order_id"
            " JOIN payments p ON p.id = o.payment_id WHERE p.stripe_key = %(payment)s",
            payment=payment,
        )
        return int(row["id"])

    def students(self, number: int, product: str = "SINGLE-RIDE") -> list[str]:
        """Return students who hold a package each."""
        org, amount = PRODUCTS[product]
        names = [f"student-{next(_numbers)}" for _ in range(number)]
        told = {"amount": amount, "currency": CURRENCY[org], "org": org, "email": None}
        self.studio.deliver(*(checkout(product, payment=f"pi_{name}", student=name, **told) for name in names))
        return names

    def student(self, name: str, org: str = "lumen") -> int:
        """Return the id of a student, who need not have bought anything."""
        values = {"org": self.organization(org), "name": name, "at": clock.now()}
        self.studio.rows(
            "INSERT INTO students (organization_id, external_id, created_at) VALUES (%(org)s, %(name)s, %(at)s)"
            " ON CONFLICT (organization_id, external_id) DO NOTHING",
            **values,
        )
        row = self.studio.one(
            "SELECT id FROM students WHERE organization_id = %(org)s AND external_id = %(name)s", **values
        )
        return int(row["id"])

    def ask(self, kind: str, student: str, *, org: str = "lumen", **request: Any) -> int:
        """Store a command as the gateway does, and leave it there; return its job."""
        values = {"org": self.organization(org), "student": self.student(student, org), "kind": kind}
        row = self.studio.one(
            "INSERT INTO jobs (organization_id, student_id, caller, kind, request, due_at, received_at)"
            " VALUES (%(org)s, %(student)s, %(caller)s, %(kind)s, %(request)s, %(at)s, %(at)s) RETURNING id",
            **values | {"caller": f"STUDENT {student}", "request": Jsonb(request), "at": clock.now()},
        )
        return int(row["id"])

    def work(self) -> None:
        """Do every command that is due."""
        for _ in range(MOST_BATCHES):
            if not drain_batch(JOBS, self.engine) and not drain_suspect(JOBS, self.engine):
                return
        raise AssertionError("a command stays due")

    def outcome(self, job: int) -> Outcome:
        row = self.studio.one("SELECT status, result, problem FROM jobs WHERE id = %(id)s", id=job)
        return Outcome(job, row["status"], row["result"], row["problem"])

    def do(self, kind: str, student: str, **request: Any) -> Outcome:
        """Store a command, do it, and return what came of it."""
        job = self.ask(kind, student, **request)
        self.work()
        return self.outcome(job)

    def book(self, student: str, session: int, **more: Any) -> Outcome:
        return self.do("booking.book", student, sessionId=session, **more)

    def change(self, student: str, booking: int, **more: Any) -> Outcome:
        return self.do("booking.change", student, bookingId=booking, **more)

    def cancel(self, student: str, booking: int, **more: Any) -> Outcome:
        return self.do("booking.cancel", student, bookingId=booking, **more)

    def left(self, package: int) -> list[int]:
        """Return the credits that each line of a package has left."""
        rows = self.studio.rows(
            "SELECT a.credits - coalesce(sum(u.credits), 0) AS n FROM student_package_allowances a"
            " LEFT JOIN package_uses u ON u.allowance_id = a.id WHERE a.student_package_id = %(package)s"
            " GROUP BY a.id ORDER BY a.position",
            package=package,
        )
        return [int(row["n"]) for row in rows]

    def booking(self, booking: int) -> dict[str, Any]:
        return self.studio.one("SELECT * FROM bookings WHERE id = %(id)s", id=booking)

    def active(self, session: int) -> int:
        """Return how many have a place in a session."""
        row = self.studio.one(
            "SELECT count(*) AS n FROM bookings WHERE session_id = %(id)s AND place IS NOT NULL", id=session
        )
        return int(row["n"])
