"""A running studio in a test: deliver events, drain queue and outbox to the end, look at what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from cli.demo import DEMO
from db.transaction import Rows, fetch, transaction
from domain.audit import audit
from domain.catalog import file as catalog_file
from tests.stripe_objects import Event, body
from webhook_gateway.event_store import INSERT, NewEvent, parameters
from worker import clock
from worker.event_bus import DOMAIN_EVENTS
from worker.inbox import drain_batch, drain_suspect
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch
from worker.stripe_event import payment_key
from worker.stripe_inbox import STRIPE_EVENTS

# No test needs more batches than this: a drain that goes on has a row that stays due.
MOST_BATCHES = 1_000


@dataclass(frozen=True)
class Studio:
    """The demo studios on a database, with a verb for everything that happens around them."""

    engine: Engine
    mail: Path

    def apply(self, document: dict[str, Any]) -> catalog_file.Changes:
        with transaction(self.engine) as session:
            return catalog_file.apply(session, catalog_file.check(document), at=clock.now())

    def receive(self, *events: Event, scope: int = 0, organization: int | None = None) -> list[bool]:
        """Store events as the gateway does, and leave them there."""
        return [self._store(event, scope, organization) for event in events]

    def _store(self, event: Event, scope: int, organization: int | None) -> bool:
        new = NewEvent(
            scope=scope,
            event_id=event["id"],
            organization_id=organization,
            type=event["type"],
            livemode=event.get("livemode"),
            account=event.get("account"),
            payment_key=payment_key(event),
            payload=body(event),
        )
        with transaction(self.engine) as session:
            return bool(fetch(session, INSERT, **parameters([new], at=clock.now())))

    def drain(self) -> None:
        """Act on every event that is due."""
        for _ in range(MOST_BATCHES):
            if not drain_batch(STRIPE_EVENTS, self.engine) and not drain_suspect(STRIPE_EVENTS, self.engine):
                return
        raise AssertionError("an event stays due")

    def deliver(self, *events: Event) -> None:
        """Store events and act on them."""
        self.receive(*events)
        self.drain()

    def relay(self) -> None:
        """Send all that is due."""
        for _ in range(MOST_BATCHES):
            if not relay_batch(DOMAIN_EVENTS, self.engine) + relay_batch(NOTIFICATIONS, self.engine):
                return
        raise AssertionError("a message stays due")

    def rows(self, statement: str, **values: object) -> Rows:
        with transaction(self.engine) as session:
            return fetch(session, statement, **values)

    def one(self, statement: str, **values: object) -> dict[str, Any]:
        rows = self.rows(statement, **values)
        assert len(rows) == 1, rows
        return rows[0]

    def empty(self) -> None:
        """Forget every event, and all that came of any."""
        self.rows(
            "TRUNCATE stripe_events, payments, subscriptions, orders, students, stripe_customers, student_packages,"
            " student_package_allowances, package_uses, bookings, notifications, domain_events CASCADE"
        )

    def count(self, table: str) -> int:
        return int(self.one(f"SELECT count(*) AS n FROM {table}")["n"])

    def event(self, event: Event) -> dict[str, Any]:
        return self.one("SELECT * FROM stripe_events WHERE event_id = %(id)s", id=event["id"])

    def packages(self) -> list[tuple[str, str | None]]:
        """Return who holds what: product code and the student's external id."""
        rows = self.rows(
            "SELECT k.product_code, s.external_id FROM student_packages k"
            " JOIN students s ON s.id = k.student_id ORDER BY 1, 2"
        )
        return [(row["product_code"], row["external_id"]) for row in rows]

    def audit(self) -> list[str]:
        with transaction(self.engine) as session:
            found = audit.audit(session, at=clock.now())
        return [f"{violation.invariant}: {violation.what}" for violation in found]

    def mails(self) -> Sequence[Path]:
        return sorted(self.mail.glob("*.eml"))


def open_studio(engine: Engine, mail: Path) -> Studio:
    studio = Studio(engine, mail)
    studio.apply(yaml.safe_load(DEMO.read_text()))
    return studio
