"""Sessions and commands in a test: fill the calendar, buy, book, change, cancel, look at what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import count
from threading import Barrier, Event
from typing import Any

import yaml
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cli.demo import DEMO
from db.transaction import Rows, reading
from domain.calendar.calendar import Span, calendar
from domain.listing import TimedPart
from tests.stripe_objects import checkout
from tests.studio import MOST_BATCHES, Studio
from worker import clock
from worker.inbox import Inbox, Outcomes, drain_batch, drain_suspect
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
    def redemption(self) -> dict[str, Any]:
        assert self.result, self.problem
        return dict(self.result["redemption"])

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

    def hours(
        self,
        teacher: int,
        opens: time | None,
        closes: time | None,
        *,
        weekday: int | None = None,
        on_date: date | None = None,
    ) -> None:
        """Let a teacher be booked in local hours of a weekday, or of a date; none are a day off."""
        self.studio.rows(
            "INSERT INTO teacher_availability (organization_id, teacher_id, weekday, on_date, opens, closes)"
            " SELECT organization_id, id, %(weekday)s, %(on_date)s, %(opens)s, %(closes)s FROM teachers"
            " WHERE id = %(teacher)s",
            teacher=teacher,
            weekday=weekday,
            on_date=on_date,
            opens=opens,
            closes=closes,
        )

    def shown(self, org: str, since: datetime, until: datetime) -> list[int]:
        """Return the sessions that the calendar shows."""
        with reading(self.engine) as session:
            span = Span(since, until)
            return [row.id for row in calendar(session, self.organization(org), span, TimedPart(200))]

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
            " WHERE c.id = %(id)s ORDER BY e.position",
            id=session,
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
        told: dict[str, Any] = {"amount": amount, "currency": CURRENCY[org], "org": org, "email": None}
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

    def coupon(self, code: str, coupon_type: str, *, org: str = "lumen", **more: Any) -> int:
        """Add a coupon, or let the one of that code be so; return its id."""
        studios = yaml.safe_load(DEMO.read_text())["organizations"]
        said = next(each for each in studios if each["slug"] == org)
        kept = {name: value for name, value in said.items() if not isinstance(value, list)}
        entry = {"code": code, "name": code.title(), "coupon_type": coupon_type} | more
        self.studio.apply({"organizations": [kept | {"coupons": [entry]}]})
        row = self.studio.one(
            "SELECT id FROM coupons WHERE organization_id = %(org)s AND code = %(code)s AND deleted_at IS NULL",
            org=self.organization(org),
            code=code,
        )
        return int(row["id"])

    def product(self, code: str, org: str = "lumen") -> int:
        """Return the id of what is on sale under a code."""
        row = self.studio.one(
            "SELECT id FROM products WHERE organization_id = %(org)s AND code = %(code)s",
            org=self.organization(org),
            code=code,
        )
        return int(row["id"])

    def ask_to_redeem(
        self, member: str, *, org: str = "lumen", known: bool = True, caller: str = "STAFF desk", **request: Any
    ) -> int:
        """Store a redemption as the gateway does, and leave it there; return its job."""
        values = {"org": self.organization(org), "student": self.student(member, org) if known else None}
        said = {"memberId": member} | request
        row = self.studio.one(
            "INSERT INTO jobs (organization_id, student_id, caller, kind, request, due_at, received_at)"
            " VALUES (%(org)s, %(student)s, %(caller)s, 'package.redeem', %(request)s, %(at)s, %(at)s) RETURNING id",
            **values | {"caller": caller, "request": Jsonb(said), "at": clock.now()},
        )
        return int(row["id"])

    def redeem(self, member: str, product: str | None = None, *, org: str = "lumen", **more: Any) -> Outcome:
        """Hand a package over at the desk; return what came of it."""
        named = {"packageId": self.product(product, org)} if product else {}
        job = self.ask_to_redeem(member, org=org, **named | more)
        self.work()
        return self.outcome(job)

    def redeem_own(self, student: str, code: str, *, org: str = "lumen") -> Outcome:
        """Let a student redeem a coupon; return what came of it."""
        job = self.ask("package.redeem", student, org=org, couponCode=code)
        self.work()
        return self.outcome(job)

    def adjust(self, student: str, allowance: int, credits: int, **more: Any) -> Outcome:
        """Correct the ledger of a line, as staff do."""
        row = self.studio.one(
            "SELECT student_package_id AS id FROM student_package_allowances WHERE id = %(id)s", id=allowance
        )
        said = {"packageId": row["id"], "allowanceId": allowance, "credits": credits, "reason": "a mistake"}
        return self.do("package.adjust", student, **said | more)

    def lines(self, package: int) -> list[int]:
        """Return the ids of a package's lines."""
        rows = self.studio.rows(
            "SELECT id FROM student_package_allowances WHERE student_package_id = %(package)s ORDER BY position",
            package=package,
        )
        return [int(row["id"]) for row in rows]

    def schedule(self, student: str, draft: int, *, start: datetime | None = None, **more: Any) -> Outcome:
        """Give a draft its time."""
        said = {"startTime": start.isoformat()} if start else {}
        return self.do("booking.schedule", student, bookingId=draft, **said | more)

    def join(self, student: str, session: int, **more: Any) -> Outcome:
        return self.do("waitlist.join", student, sessionId=session, **more)

    def leave(self, student: str, session: int) -> Outcome:
        return self.do("waitlist.leave", student, sessionId=session)

    def line(self, session: int) -> list[tuple[str, str, str | None]]:
        """Return who waits or waited for a session, in turn: student, status, reason."""
        rows = self.studio.rows(
            "SELECT s.external_id, w.status, w.reason FROM waitlist_entries w JOIN students s ON s.id = w.student_id"
            " WHERE w.session_id = %(id)s ORDER BY w.id",
            id=session,
        )
        return [(row["external_id"], row["status"], row["reason"]) for row in rows]

    def who(self, session: int) -> list[str]:
        """Return the students who have a place in a session, by name."""
        rows = self.studio.rows(
            "SELECT s.external_id AS name FROM bookings b JOIN students s ON s.id = b.student_id"
            " WHERE b.session_id = %(id)s AND b.place IS NOT NULL ORDER BY 1",
            id=session,
        )
        return [str(row["name"]) for row in rows]

    def kinds(self, student: str) -> list[str]:
        """Return the kinds of mail that a student is told, receipts aside, oldest first."""
        rows = self.studio.rows(
            "SELECT n.kind FROM notifications n JOIN students s ON s.id = n.student_id"
            " WHERE s.external_id = %(student)s AND n.kind <> 'purchase.receipt' ORDER BY n.id",
            student=student,
        )
        return [str(row["kind"]) for row in rows]

    def ask_of_session(self, kind: str, session: int, **request: Any) -> int:
        """Store a command of staff about a whole session, and leave it there; return its job."""
        row = self.studio.one(
            "INSERT INTO jobs (organization_id, caller, kind, request, due_at, received_at)"
            " SELECT organization_id, 'STAFF desk', %(kind)s, %(request)s, %(at)s, %(at)s FROM class_sessions"
            " WHERE id = %(id)s RETURNING id",
            kind=kind,
            id=session,
            request=Jsonb({"sessionId": session} | request),
            at=clock.now(),
        )
        return int(row["id"])

    def of_session(self, kind: str, session: int, **request: Any) -> Outcome:
        job = self.ask_of_session(kind, session, **request)
        self.work()
        outcome = self.outcome(job)
        assert outcome.status in {"SUCCEEDED", "FAILED"}
        return outcome

    def attend(self, session: int, *marks: tuple[int, str]) -> Outcome:
        """Mark bookings: ATTENDED or NO_SHOW."""
        said = [{"bookingId": booking, "status": status} for booking, status in marks]
        return self.of_session("session.attend", session, marks=said)

    def call_off(self, session: int, **more: Any) -> Outcome:
        return self.of_session("session.cancel", session, **more)

    def move(self, session: int, start: datetime | None = None, **more: Any) -> Outcome:
        said = {"startAt": start.isoformat()} if start else {}
        return self.of_session("session.move", session, **said | more)

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

    def ask_all(self, kind: str, asked: Sequence[tuple[str, dict[str, Any]]], *, org: str = "lumen") -> list[int]:
        """Store commands of students who are known, in one statement; return their jobs in this order."""
        rows = self.studio.rows(
            "INSERT INTO jobs (organization_id, student_id, caller, kind, request, due_at, received_at)"
            " SELECT s.organization_id, s.id, 'STUDENT ' || s.external_id, %(kind)s, a.said -> 1, %(at)s, %(at)s"
            " FROM jsonb_array_elements(%(asked)s) WITH ORDINALITY AS a (said, number)"
            " JOIN students s ON s.external_id = a.said ->> 0 AND s.organization_id = %(org)s"
            " ORDER BY a.number RETURNING id",
            kind=kind,
            asked=Jsonb([list(each) for each in asked]),
            org=self.organization(org),
            at=clock.now(),
        )
        assert len(rows) == len(asked)
        return [int(row["id"]) for row in rows]

    def crowd(
        self, inbox: Inbox = JOBS, *, workers: int = 8, meanwhile: Sequence[Callable[[], object]] = ()
    ) -> list[Exception]:
        """Do every command, many workers at once, while other things happen; return what went wrong inside."""
        faults: list[Exception] = []
        start, over = Barrier(workers + len(meanwhile)), Event()

        def noted(session: Session, rows: Rows, at: datetime) -> Outcomes:
            try:
                return inbox.handle(session, rows, at)
            except Exception as fault:
                faults.append(fault)
                raise

        watched = replace(inbox, handle=noted)

        def work() -> None:
            start.wait()
            while drain_batch(watched, self.engine) or not over.is_set():
                pass

        def happen(each: Callable[[], object]) -> None:
            start.wait()
            each()

        with ThreadPoolExecutor(workers + len(meanwhile)) as pool:
            working = [pool.submit(work) for _ in range(workers)]
            happening = [pool.submit(happen, each) for each in meanwhile]
            failures = [each.exception() for each in happening]
            over.set()
        faults += [each for future in working if isinstance(each := future.exception(), Exception)]
        faults += [each for each in failures if isinstance(each, Exception)]
        while drain_batch(watched, self.engine):
            pass
        return faults

    def codes(self, jobs: Sequence[int]) -> list[str]:
        """Return of each job in this order `done`, its problem's code, or its status if it has no outcome."""
        rows = self.studio.rows(
            "SELECT id, CASE status WHEN 'SUCCEEDED' THEN 'done' WHEN 'FAILED' THEN problem ->> 'code' ELSE status END"
            " AS code FROM jobs WHERE id = ANY(%(ids)s)",
            ids=list(jobs),
        )
        said = {row["id"]: str(row["code"]) for row in rows}
        return [said[job] for job in jobs]
