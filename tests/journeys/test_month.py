"""A month of the demo studios on a clock that travels: what must leave does, once, and nothing else."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from cli.demo import DEMO
from db.connection import build_engine
from domain.audit.audit import Violation, audit
from tests.stack import Reply, send, wait_for
from tests.stripe_objects import Event, body, checkout, refund
from tests.traveller import Traveller, library, travelling

ISTANBUL = ZoneInfo("Europe/Istanbul")
# A Monday morning in Istanbul; the clocks of New York go forward on the fourteenth.
START = datetime(2027, 3, 1, 6, tzinfo=UTC)
EVENING = 18
# It begins at two in the afternoon in New York, by summer time.
TWO_HOURS_BEFORE_THE_FIRST_STEP = datetime(2027, 3, 18, 16, tzinfo=UTC)
GRACE = {"name": "Grace", "email": "grace@example.com"}
Row = dict[str, Any]

MAILS = """
SELECT (n.created_at AT TIME ZONE 'UTC')::date::text AS day, n.kind, coalesce(s.external_id, 'staff') AS who, n.status,
       n.message_id::text
  FROM notifications n LEFT JOIN students s ON s.id = n.student_id ORDER BY n.created_at::date, n.kind, who, n.id
"""
EVENTS = """
SELECT (e.created_at AT TIME ZONE 'UTC')::date::text AS day, e.type, coalesce(s.external_id, 'staff') AS who, e.status
  FROM domain_events e LEFT JOIN students s ON s.id = e.student_id ORDER BY e.created_at::date, e.type, who, e.id
"""
OPTION = """
SELECT x.id, x.course_step_id AS step FROM course_step_options x JOIN group_classes g ON g.id = x.group_class_id
 WHERE g.code = %s
"""
pytestmark = pytest.mark.skipif(library() is None, reason="libfaketime has no library for this machine")


MAILED = """
2027-03-01 booking.confirmed ada x3
2027-03-01 booking.confirmed bob x2
2027-03-01 booking.confirmed cy x2
2027-03-01 booking.confirmed eve
2027-03-01 purchase.receipt ada
2027-03-01 purchase.receipt bob
2027-03-01 purchase.receipt cy
2027-03-01 purchase.receipt dan
2027-03-01 purchase.receipt eve
2027-03-01 purchase.receipt hal
2027-03-01 session.low_seats staff x2
2027-03-02 booking.reminder eve
2027-03-03 booking.reminder ada
2027-03-03 session.moved ada
2027-03-05 booking.cancelled ada
2027-03-05 package.expiring hal
2027-03-06 booking.reminder bob x2
2027-03-08 booking.reminder ada
2027-03-08 refund.done dan
2027-03-11 package.expiring hal
2027-03-14 step.unbooked cy
2027-03-17 booking.confirmed cy
2027-03-17 booking.reminder cy
2027-03-17 step.unbooked cy
2027-03-18 booking.reminder cy
2027-03-18 session.low_seats staff
2027-03-21 booking.reminder cy
2027-03-25 package.expiring eve
2027-03-27 booking.reminder cy
2027-03-31 package.expiring eve
2027-03-31 payment.failed fay
2027-04-01 pass.expired eve
"""
PUBLISHED = """
2027-03-01 booking.confirmed ada x3
2027-03-01 booking.confirmed bob x2
2027-03-01 booking.confirmed cy x2
2027-03-01 booking.confirmed eve
2027-03-01 course.step.booked cy x2
2027-03-01 enrollment.created cy
2027-03-01 package.fulfilled ada
2027-03-01 package.fulfilled bob
2027-03-01 package.fulfilled cy
2027-03-01 package.fulfilled dan
2027-03-01 package.fulfilled eve
2027-03-01 package.fulfilled hal
2027-03-01 session.low_seats staff x2
2027-03-03 booking.moved ada
2027-03-04 booking.completed eve
2027-03-05 booking.cancelled ada
2027-03-05 booking.completed ada
2027-03-08 booking.completed bob x2
2027-03-08 package.revoked dan
2027-03-09 booking.completed ada
2027-03-12 package.expired hal
2027-03-17 booking.confirmed cy
2027-03-17 course.step.booked cy
2027-03-18 session.low_seats staff
2027-03-19 booking.completed cy
2027-03-19 course.step.completed cy
2027-03-22 booking.completed cy
2027-03-22 course.step.completed cy
2027-03-28 booking.completed cy
2027-03-28 course.step.completed cy
2027-04-01 pass.expired eve
"""


class Month:
    """The month: somebody buys, books, changes their mind, and the clock does the rest."""

    def __init__(self, stack: Traveller) -> None:
        self.stack = stack
        self.bookings: dict[str, int] = {}

    def travel(self, moment: datetime) -> None:
        """Go to a moment, and let every task run at it; two beats and two workers do the same meanwhile."""
        self.stack.travel(moment)
        ran = self.stack.run("task", "run", "--all")
        assert ran.returncode == 0, ran.stderr

    def deliver(self, *events: Event) -> None:
        for event in events:
            assert self.stack.post_event(body(event)) == 200
        wait_for(lambda: not self.rows("SELECT FROM stripe_events WHERE status = 'RECEIVED'"), what="the events")

    def buys(self, who: str, product: str, amount: int, org: str = "lumen", **more: Any) -> None:
        told: Row = {"student": who, "org": org, "amount": amount, "email": f"{who}@example.com"} | more
        told |= {"currency": {"lumen": "try", "thrive": "usd"}[org], "payment": f"pi_{who}"}
        self.deliver(checkout(product, **told))

    def books(self, who: str, name: str, session: int, **more: Any) -> None:
        said = self._said(
            self.stack.post("/api/bookings", {"sessionId": session} | more, self._token(who), Prefer="wait=30")
        )
        self.bookings[name] = said["booking"]["id"]

    def cancels(self, who: str, name: str) -> None:
        path = f"/api/bookings/{self.bookings[name]}"
        self._said(self.stack.delete(path, None, self._token(who), Prefer="wait=30"))

    def takes(self, who: str, label: str, name: str) -> None:
        """Book a step of the course by one of its classes."""
        token = self._token(who, "thrive")
        package = self._seen("/api/students/me/course-packages", token)["items"][0]["id"]
        (option,) = self.rows(OPTION, f"{label}-{name}")
        path = f"/api/students/me/course-packages/{package}/steps/{option['step']}/book-session"
        self._said(self.stack.post(path, {"courseStepOptionId": option["id"]}, token, Prefer="wait=30"))

    def moves(self, session: int, start: datetime) -> None:
        token = self.stack.mint("staff", "desk", "lumen")
        said = {"startAt": start.isoformat()}
        path = f"/api/admin/sessions/{session}"
        self._said(send(self.stack.port, "PATCH", path, said, token, Prefer="wait=30"))

    def ride(self, day: int, hour: int, minute: int = 0) -> int:
        """Return the ride of a local time in Istanbul."""
        start = datetime(2027, 3, day, hour, minute, tzinfo=ISTANBUL)
        (row,) = self.rows(
            "SELECT id FROM class_sessions WHERE start_at = %s AND organization_id = "
            "(SELECT id FROM organizations WHERE slug = 'lumen')",
            start,
        )
        return int(row["id"])

    def letters(self) -> Counter[str]:
        """Return the ids of the mails that were delivered, with how often each is there."""
        files = (self.stack.home / "mail").glob("*.eml")
        read = (message_from_bytes(each.read_bytes(), policy=policy.default) for each in files)
        return Counter(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in read)

    def audit(self) -> list[Violation]:
        engine = build_engine(self.stack.database_url, name="test", size=1)
        with Session(engine) as session:
            violations = audit(session, at=self.stack.now())
        engine.dispose()
        return violations

    def rows(self, statement: str, *values: object) -> list[Row]:
        with psycopg.connect(self.stack.database_url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()

    def _token(self, who: str, org: str = "lumen") -> str:
        return self.stack.mint("student", who, org)

    def _seen(self, path: str, token: str) -> Any:
        status, said = self.stack.get(path, token)
        assert status == 200, said
        return said

    @staticmethod
    def _said(reply: Reply) -> Row:
        assert reply.status in {200, 201}, reply.said
        return dict(reply.said or {})


@pytest.fixture
def month(tmp_path: Path, server_url: str, broker_url: str) -> Iterator[Month]:
    name = f"month_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        base, _, query = server_url.partition("?")
        url = f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
        with (
            travelling(tmp_path / "home", START, database_url=url, broker_url=broker_url) as stack,
            stack.beside("beat"),
            stack.beside("worker"),
        ):
            yield Month(stack)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Give a file in which staff of the school hear of dates with nine free places, and there is a taster on sale."""
    studios = yaml.safe_load(DEMO.read_text())["organizations"]
    said = next(each for each in studios if each["slug"] == "thrive")
    taster = {"code": "TASTER", "name": "Taster", "price": 2_000, "validity_days": 10}
    taster["allowances"] = [{"service_type": "GROUP", "credits": 1, "credit_unit_minutes": 60}]
    apart = ("products", "coupons", "teachers", "classes", "sessions", "courses")
    school = {name: value for name, value in said.items() if name not in apart}
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump({"organizations": [school | {"low_seats_threshold": 9, "products": [taster]}]}))
    return path


def test_a_month_passes_and_what_must_leave_has_left_once(month: Month, catalog: Path) -> None:
    assert month.stack.run("catalog", "apply", str(catalog)).returncode == 0
    month.buys("ada", "EXPLORER-5", 500_000)
    month.buys("eve", "ALL-ACCESS-30", 2_100_000)
    month.buys("bob", "ELITE-30", 1_800_000)
    month.buys("fay", "CORE-10", 800_000, paid="unpaid")
    course = {"org": "thrive", "product_code": "SFZ", "cohort_id": "2027-03-18"}
    month.buys("cy", "SFZ", 49_900, "thrive", metadata=course)
    month.buys("dan", "BUNDLE-5P-3G", 40_000, "thrive")
    month.buys("hal", "TASTER", 2_000, "thrive")
    month.books("ada", "kept", month.ride(4, 18, 30))
    month.books("ada", "given up", month.ride(10, 18, 30))
    month.books("ada", "moved", month.ride(6, 12, 30))
    month.books("eve", "daily", month.ride(3, 18, 30))
    month.books("bob", "with a friend", month.ride(7, 18, 30), friend=GRACE)
    month.takes("cy", "SFZ-1", "DAY")
    meanwhile: dict[int, Callable[[], object]] = {
        3: lambda: month.moves(month.ride(6, 12, 30), datetime(2027, 3, 9, 14, tzinfo=ISTANBUL)),
        5: lambda: month.cancels("ada", "given up"),
        8: lambda: month.deliver(refund("pi_dan", amount=40_000, refund_id="re_dan")),
        17: lambda: month.takes("cy", "SFZ-2", "EVE"),
    }

    for day in range(1, 33):
        if day == TWO_HOURS_BEFORE_THE_FIRST_STEP.day:
            month.travel(TWO_HOURS_BEFORE_THE_FIRST_STEP)
        month.travel(START.replace(hour=EVENING) + timedelta(days=day - 1))
        meanwhile.get(day, lambda: None)()

    assert [f"{row['day']} {row['kind']} {row['who']}" for row in month.rows(MAILS)] == lines(MAILED)
    assert [f"{row['day']} {row['type']} {row['who']}" for row in month.rows(EVENTS)] == lines(PUBLISHED)
    assert {row["status"] for row in month.rows(MAILS) + month.rows(EVENTS)} == {"SENT"}
    assert month.letters() == Counter(row["message_id"] for row in month.rows(MAILS))
    assert month.audit() == []


def lines(said: str) -> list[str]:
    """Return `day kind who` of a table in which `kind who x2` is there twice."""
    found = []
    for line in said.strip().splitlines():
        *what, last = line.split()
        found += [" ".join(what)] * int(last[1:]) if last[0] == "x" else [line]
    return found
