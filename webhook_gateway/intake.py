"""POST /webhooks/stripe: verify the raw bytes, store them once, hint at the queue, answer. No rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import psycopg

from config import Settings
from webhook_gateway.event_store import EventStore, NewEvent
from webhook_gateway.problem import Problem
from webhook_gateway.signature import SignatureInvalid, verify
from worker import clock
from worker.stripe_event import is_name, parse, payment_key

ADDRESS = "/webhooks/stripe"
MAX_BODY = 1_048_576
# Beyond this the check takes so long that it must not keep other requests waiting.
QUICK_BODY = 65_536
PLATFORM = 0

NEW = b'{"received": true, "duplicate": false}'
DUPLICATE = b'{"received": true, "duplicate": true}'
# Secrets with the slugs of those whose they are; None for the platform's.
Owners = dict[str, str | None]
# Another delivery is due when the database answers again.
RETRY_AFTER = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an event was sent: the platform's address, or that of one organization."""

    org: str | None = None

    @property
    def route(self) -> str:
        """The template of the address, for the counters."""
        return ADDRESS if self.org is None else f"{ADDRESS}/<org>"


def address(path: str) -> Address | None:
    """Return what a path means to the webhook, with or without a slash behind it; None where it is none of its own."""
    path = path.removesuffix("/")
    if path == ADDRESS:
        return Address()
    org = path.removeprefix(f"{ADDRESS}/")
    return Address(org) if org and org != path and "/" not in org else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: the raw bytes, the header that signs them, and the organization of the path."""

    body: bytes
    signature: str
    org: str | None = None


class Intake:
    """Takes events in.

    Args:
        settings: Whose secrets may sign.
        store: Where events are stored.
        hint: Told which queue has work, once it is stored.

    """

    def __init__(self, settings: Settings, store: EventStore, hint: Callable[[str], object]) -> None:
        self._platform: Owners = dict.fromkeys(settings.platform_secrets)
        owned = {slug: _owned(slug, secrets) for slug, secrets in settings.organization_secrets.items()}
        self._of_path = {slug: secrets | self._platform for slug, secrets in owned.items()}
        self._all = reduce(or_, owned.values(), Owners()) | self._platform
        self._store = store
        self._hint = hint

    async def receive(self, delivery: Delivery) -> bytes:
        """Take one event and return the answer: 200 once it is on disk, whether or not it was there before.

        Raises:
            Problem: it is not signed, no event, of nobody here, or the database is away.

        """
        quick = len(delivery.body) <= QUICK_BODY
        owner, event = self._read(delivery) if quick else await asyncio.to_thread(self._read, delivery)
        try:
            organization = await self._organization(owner or delivery.org)
            is_new = await self._store.add(_new_event(event, delivery.body, owner, organization), at=clock.now())
        except psycopg.Error as error:
            # The commit's outcome may be unknown: Stripe sends it again, and it is stored once.
            detail = "The event was not stored for certain: send it again."
            raise Problem("database_unavailable", detail, headers=RETRY_AFTER) from error
        self._hint("stripe")
        return NEW if is_new else DUPLICATE

    def _read(self, delivery: Delivery) -> tuple[str | None, dict[str, Any]]:
        """Return the slug of the organization whose secret signed, None for the platform's, and what was signed."""
        secrets = self._may_sign(delivery.org)
        try:
            secret = verify(delivery.body, delivery.signature, secrets, at=clock.now())
        except SignatureInvalid as reason:
            advice = f"{reason}. Check the endpoint's signing secret and the clock."
            raise Problem("signature_invalid", advice) from reason
        return secrets[secret], _event(delivery.body)

    def _may_sign(self, org: str | None) -> Owners:
        """Return the secrets that may sign for a path; the platform's may for every one."""
        return self._all if org is None else self._of_path.get(org, self._platform)

    async def _organization(self, slug: str | None) -> int | None:
        if slug is None:
            return None
        # PostgreSQL's text holds every character but this one.
        organization = None if "\0" in slug else await self._store.organization(slug)
        if organization is None:
            raise Problem("forbidden", f"There is no organization {slug!r}: create it, then send the event again.")
        return organization


def _owned(slug: str, secrets: Iterable[str]) -> Owners:
    return dict.fromkeys(secrets, slug)


def _event(body: bytes) -> dict[str, Any]:
    """Return a signed body as what is stored: an object with an id and a type, whatever else is in it."""
    try:
        event = parse(body)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed_request", "The body is not JSON.") from error
    if not isinstance(event, dict) or not is_name(event.get("id")) or not is_name(event.get("type")):
        raise Problem("malformed_request", "The body is not an object with an id and a type.")
    return event


def _new_event(event: dict[str, Any], body: bytes, owner: str | None, organization: int | None) -> NewEvent:
    return NewEvent(
        scope=organization if owner and organization else PLATFORM,
        organization_id=organization,
        event_id=event["id"],
        type=event["type"],
        livemode=event.get("livemode") if isinstance(event.get("livemode"), bool) else None,
        account=event["account"] if is_name(event.get("account")) else None,
        payment_key=payment_key(event),
        payload=body,
    )
