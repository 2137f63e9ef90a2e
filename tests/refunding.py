"""Refunds in a test: the studio orders them, Stripe answers or refuses, and tells of them by webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from db.transaction import fetch, transaction
from domain.purchase.payment import Purchase
from domain.refund.answer import answered, refused
from tests import stripe_objects
from tests.stripe_objects import Event
from tests.timetable import Outcome, Timetable
from worker import clock

ADMIN = "ADMIN boss"
MARK = "UPDATE stripe_calls SET status = %(status)s, sent_at = %(at)s WHERE id = %(id)s"
SAID = "SELECT id, order_id, amount, status, is_whole, stripe_refund_id FROM refunds ORDER BY id"


@dataclass(frozen=True)
class Till:
    """Where orders are paid back."""

    timetable: Timetable

    def order(self, package: int) -> int:
        """Return the order that bought a package."""
        row = self.timetable.studio.one("SELECT order_id FROM student_packages WHERE id = %(id)s", id=package)
        return int(row["order_id"])

    def payment(self, package: int) -> str:
        """Return the Stripe id of what paid for a package."""
        row = self.timetable.studio.one(
            "SELECT p.stripe_key FROM payments p JOIN orders o ON o.payment_id = p.id"
            " JOIN student_packages k ON k.order_id = o.id WHERE k.id = %(id)s",
            id=package,
        )
        return str(row["stripe_key"])

    def ask(self, package: int, **said: Any) -> int:
        """Store the command of a refund as the gateway does, and leave it there; return its job."""
        row = self.timetable.studio.one(
            "INSERT INTO jobs (organization_id, student_id, caller, kind, request, due_at, received_at)"
            " SELECT organization_id, student_id, %(caller)s, 'order.refund', %(request)s, %(at)s, %(at)s"
            " FROM student_packages WHERE id = %(package)s RETURNING id",
            package=package,
            caller=ADMIN,
            request=Jsonb({"orderId": self.order(package), "reason": "not happy"} | said),
            at=clock.now(),
        )
        return int(row["id"])

    def ask_for(self, package: int, *credits: int) -> int:
        """Ask for credits of the lines of a package, in their order."""
        lines = zip(self.timetable.lines(package), credits, strict=False)
        return self.ask(package, lines=[{"allowanceId": line, "credits": n} for line, n in lines if n])

    def refund(self, package: int, **said: Any) -> Outcome:
        """Order a refund; return where it stands, before Stripe was asked."""
        job = self.ask(package, **said)
        self.timetable.work()
        return self.timetable.outcome(job)

    def take(self, package: int, *credits: int) -> Outcome:
        """Order a refund of credits, by line; return where it stands, before Stripe was asked."""
        job = self.ask_for(package, *credits)
        self.timetable.work()
        return self.timetable.outcome(job)

    def call(self, job: int | None = None) -> dict[str, Any]:
        """Return what Stripe is asked to do, for a job if one is named."""
        of_job = "" if job is None else "AND job_id = %(job)s"
        return self.timetable.studio.one(
            f"SELECT * FROM stripe_calls WHERE kind = 'REFUND_CREATE' {of_job} ORDER BY id DESC LIMIT 1", job=job
        )

    def answer(self, job: int, *, status: str = "succeeded", refund_id: str | None = None) -> Outcome:
        """Let Stripe do what it is asked, and answer; return what the command ended in."""
        call = self.call(job)
        made = {"id": refund_id or f"re_ours_{call['refund_id']}", "status": status, "currency": self._currency(call)}
        with transaction(self.timetable.engine) as session:
            fetch(session, MARK, id=call["id"], status="SENT", at=clock.now())
            answered(session, call, made | call["params"], at=clock.now())
        return self.timetable.outcome(job)

    def refuse(self, job: int, code: str = "stripe_refused", reason: str = "no money left") -> Outcome:
        """Let Stripe refuse what it is asked; return what the command ended in."""
        call = self.call(job)
        with transaction(self.timetable.engine) as session:
            fetch(session, MARK, id=call["id"], status="PARKED", at=clock.now())
            refused(session, call, code, reason, at=clock.now())
        return self.timetable.outcome(job)

    def told(self, job: int, status: str = "succeeded", kind: str = "refund.updated") -> Event:
        """Return the event by which Stripe tells of a refund that was ordered here."""
        call = self.call(job)
        named = call["params"]["payment_intent"]
        return stripe_objects.refund(
            named,
            amount=call["params"]["amount"],
            refund_id=f"re_ours_{call['refund_id']}",
            status=status,
            kind=kind,
            currency=self._currency(call),
            **call["params"]["metadata"],
        )

    def _currency(self, call: dict[str, Any]) -> str:
        """Return what the card was charged in that a call pays back to, as Stripe writes it."""
        row = self.timetable.studio.one(
            "SELECT p.facts FROM payments p JOIN orders o ON o.payment_id = p.id"
            " JOIN refunds r ON r.order_id = o.id WHERE r.id = %(id)s",
            id=call["refund_id"],
        )
        return Purchase(0, "", row["facts"]).charge.currency.lower()

    def refunds(self) -> list[tuple[int, str, bool]]:
        """Return the refunds that were ordered: how much, where they stand, whether whole."""
        rows = self.timetable.studio.rows(SAID)
        return [(int(row["amount"]), str(row["status"]), bool(row["is_whole"])) for row in rows]

    def reviews(self) -> list[tuple[str, str, bool]]:
        """Return what staff must look at: why, about what, whether it is open."""
        rows = self.timetable.studio.rows("SELECT kind, about, resolved_at FROM order_reviews ORDER BY kind, about")
        return [(str(row["kind"]), str(row["about"]), row["resolved_at"] is None) for row in rows]

    def taken(self) -> list[int]:
        """Return what the ledger says that refunds took back, and what of it came back."""
        rows = self.timetable.studio.rows("SELECT credits FROM package_uses WHERE kind = 'TAKEN_BACK' ORDER BY id")
        return [int(row["credits"]) for row in rows]

    def policy(self, product: str, policy: str) -> None:
        """Let a product pay back otherwise."""
        self.timetable.studio.rows(
            "UPDATE products SET refund_policy = %(policy)s WHERE code = %(code)s", policy=policy, code=product
        )

    def status(self, package: int) -> str:
        """Return where the order of a package stands."""
        row = self.timetable.studio.one("SELECT status FROM orders WHERE id = %(id)s", id=self.order(package))
        return str(row["status"])

    def drafts(self, package: int) -> int:
        """Return how many sessions of a package are open to be scheduled."""
        row = self.timetable.studio.one(
            "SELECT count(*) AS n FROM bookings WHERE student_package_id = %(id)s AND status = 'DRAFT'", id=package
        )
        return int(row["n"])
