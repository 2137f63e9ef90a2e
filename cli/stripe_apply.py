"""Take in events that never arrived, as the webhook would have; and wait until they were acted on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config import Settings
from db.transaction import fetch, reading, transaction
from domain.inbox import known
from webhook_gateway.event_store import INSERT, NewEvent, parameters
from webhook_gateway.intake import MAX_BODY, PLATFORM
from worker import clock
from worker.hints import Hints
from worker.stripe_event import is_name, payment_key

Json = dict[str, Any]
QUEUE = "stripe"
# How long it waits for workers, as long as there is less to be done each time it looks.
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.2


@dataclass
class Intake:
    """Takes in what Stripe's API returned; what the inbox has by now, under whatever secret, is left alone."""

    engine: Engine
    settings: Settings
    hints: Hints
    given: int = 0
    taken_in: int = 0
    too_large: int = 0

    def feed(self, account: str | None, events: list[Json]) -> None:
        """Store events of an account, and say that there is work."""
        with transaction(self.engine) as session:
            scope, organization = _scope(session, self.settings, account)
            new = [_new(event, account, scope, organization) for event in events]
            there = known.stored(session, [event.event_id for event in new])
            fits = sorted(
                (event for event in new if event.event_id not in there and len(event.payload) <= MAX_BODY),
                key=lambda event: event.key,
            )
            self.too_large += sum(len(event.payload) > MAX_BODY for event in new)
            self.taken_in += len(fetch(session, INSERT, **parameters(fits, at=clock.now()))) if fits else 0
            self.given += len(new)
        self.hints.send(QUEUE)

    def latest(self) -> int:
        """Return the row of the event that was stored last, here or by another run, or by the webhook."""
        with reading(self.engine) as session:
            return known.latest(session)

    def wait(self, upto: int) -> int:
        """Wait until all that was stored up to a row was acted on; return how many events nobody has come for."""
        until, least = time.monotonic() + PATIENCE_SECONDS, 0
        while left := self._waiting(upto):
            if left < least or not least:
                least, until = left, time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > until:
                break
            self.hints.send(QUEUE)
            time.sleep(PAUSE_SECONDS)
        return left

    def _waiting(self, upto: int) -> int:
        with reading(self.engine) as session:
            return known.waiting(session, upto, at=clock.now())


ORGANIZATIONS = "SELECT id, slug, stripe_account_id FROM organizations WHERE slug = ANY(%(slugs)s)"


def _scope(session: Session, settings: Settings, account: str | None) -> tuple[int, int | None]:
    """Return the scope and the organization that the webhook would have stored an account's events with.

    The platform's, whose secret may sign for all; but where an organization has a secret of its own, and the account is
    its own or there is no other secret, those of the organization.
    """
    owned = fetch(session, ORGANIZATIONS, slugs=list(settings.organization_secrets))
    own = [row["id"] for row in owned if account and row["stripe_account_id"] == account]
    if not own and not settings.platform_secrets and len(owned) == 1:
        own = [owned[0]["id"]]
    return (own[0], own[0]) if own else (PLATFORM, None)


def _new(event: Json, account: str | None, scope: int, organization: int | None) -> NewEvent:
    own = event.get("account")
    livemode = event.get("livemode")
    return NewEvent(
        scope=scope,
        organization_id=organization,
        event_id=event["id"],
        type=event["type"],
        livemode=livemode if isinstance(livemode, bool) else None,
        account=own if is_name(own) else account,
        payment_key=payment_key(event),
        payload=orjson.dumps(event),
    )
