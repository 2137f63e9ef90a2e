"""What the tests of the rules share: moments, products of their own, and a look at every row there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import yaml

from cli.demo import DEMO
from db.models import Base
from db.transaction import fetch, transaction
from tests.stripe_objects import checkout, dispute, refund
from tests.studio import Studio
from tests.timetable import CURRENCY, Outcome, Timetable
from worker import clock

GRACE = {"name": "Grace", "email": "grace@example.com"}
PRICE = 100_000
_numbers = count(1)
# Events of which nobody gets a mail, and mails of kinds of their own by what their events are called.
WITHOUT_MAIL = {"booking.completed", "booking.no_show"}
EVENT_OF = {"session.cancelled": "booking.cancelled", "session.moved": "booking.moved"}

PAYMENT = """
SELECT p.stripe_key, p.amount_received FROM student_packages k
  JOIN orders o ON o.id = k.order_id JOIN payments p ON p.id = o.payment_id WHERE k.id = %(package)s
"""


def soon(days: int = 3, hour: int = 9) -> datetime:
    """Return an hour of a day after today, in UTC."""
    day = clock.now() + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=UTC)


def organization(slug: str = "lumen", **changes: Any) -> dict[str, Any]:
    """Return a demo studio as a catalog says it, without what it sells."""
    said = next(each for each in yaml.safe_load(DEMO.read_text())["organizations"] if each["slug"] == slug)
    return {name: value for name, value in said.items() if not isinstance(value, list)} | changes


def line(credits: int = 5, service: str = "GROUP", unit: int = 60, tier: int = 0) -> dict[str, Any]:
    """Return a line of a product; by default five credits for group sessions of an hour."""
    return {"service_type": service, "credits": credits, "credit_unit_minutes": unit, "teacher_tier": tier}


def sell(timetable: Timetable, student: str, *lines: dict[str, Any], org: str = "lumen", **product: Any) -> int:
    """Put a product of its own on sale, have a student buy it, and return the package."""
    number = next(_numbers)
    entry: dict[str, Any] = {
        "code": f"P-{number}",
        "name": f"Product {number}",
        "price": PRICE,
        "validity_days": 90,
    } | product
    entry["allowances"] = list(lines) or ([] if "all_access_days" in product else [line()])
    timetable.studio.apply({"organizations": [organization(org) | {"products": [entry]}]})
    paid: dict[str, Any] = {
        "amount": entry["price"],
        "currency": CURRENCY[org],
        "org": org,
        "student": student,
        "email": None,
    }
    timetable.studio.deliver(checkout(entry["code"], payment=f"pi_made_{number}", **paid))
    return int(timetable.studio.one("SELECT max(id) AS id FROM student_packages")["id"])


def give_back(timetable: Timetable, package: int, status: str = "succeeded") -> None:
    """Have Stripe say that a package's whole payment went back, or that it did not after all: `failed`."""
    paid = timetable.studio.one(PAYMENT, package=package)
    kind = "refund.failed" if status == "failed" else "refund.created"
    key, amount = paid["stripe_key"], paid["amount_received"]
    timetable.studio.deliver(refund(key, refund_id=f"re_of_{key}", amount=amount, status=status, kind=kind))


def contest(timetable: Timetable, package: int, status: str = "needs_response") -> None:
    """Have Stripe say that a package's payment is disputed, or how that ended: `won`, `lost`."""
    kind = "charge.dispute.closed" if status in {"won", "lost"} else "charge.dispute.created"
    key = timetable.studio.one(PAYMENT, package=package)["stripe_key"]
    timetable.studio.deliver(dispute(key, status=status, kind=kind))


def everything(studio: Studio) -> dict[str, list[str]]:
    """Return every row of every table but the jobs', as PostgreSQL writes it."""
    tables = [table.name for table in Base.metadata.sorted_tables if table.name != "jobs"]
    with transaction(studio.engine) as session:
        return {
            name: [row["said"] for row in fetch(session, f"SELECT t::text AS said FROM {name} t ORDER BY 1")]
            for name in tables
        }


@contextmanager
def nothing_written(timetable: Timetable) -> Iterator[None]:
    """Prove that a block leaves every row as it was, jobs aside."""
    before = everything(timetable.studio)
    yield
    assert everything(timetable.studio) == before


def refuse(timetable: Timetable, kind: str, student: str, *, org: str = "lumen", **request: Any) -> Outcome:
    """Do a command that must be refused without a trace; return what its caller is told."""
    job = timetable.ask(f"booking.{kind}", student, org=org, **request)
    with nothing_written(timetable):
        timetable.work()
    outcome = timetable.outcome(job)
    assert outcome.problem is not None, outcome.result
    return outcome


def refuse_waiting(timetable: Timetable, student: str, session: int) -> str:
    """Have a student refused who would wait, without a trace; return the code."""
    job = timetable.ask("waitlist.join", student, sessionId=session)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job).code


def told(timetable: Timetable, student: str, org: str = "lumen") -> list[str]:
    """Return what was told of a student's bookings: the same by mail and by event, the events without a gap."""
    values = {"student": timetable.student(student, org)}
    about = "WHERE student_id = %(student)s ORDER BY"
    events = timetable.studio.rows(f"SELECT type, subject, sequence FROM domain_events {about} sequence", **values)
    mails = timetable.studio.rows(f"SELECT kind, booking_id FROM notifications {about} id", **values)
    assert [row["sequence"] for row in events] == list(range(1, len(events) + 1))
    said = [(row["type"], row["subject"]) for row in events if row["subject"].startswith("booking/")]
    mailed = [each for each in said if each[0] not in WITHOUT_MAIL]
    told = [
        (EVENT_OF.get(row["kind"], row["kind"]), f"booking/{row['booking_id']}") for row in mails if row["booking_id"]
    ]
    assert mailed == told
    return [kind for kind, _ in said]
