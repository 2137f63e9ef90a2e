"""POST /webhooks/stripe: verify the raw bytes, store them once, hint at the queue, answer. No rules."""

from __future__ import annotations

from typing import Any

import psycopg
from flask import Flask, Response, current_app, request
from psycopg_pool import PoolTimeout

from config import Settings
from webhook_gateway.event_store import EventStore, NewEvent
from webhook_gateway.problem import Problem
from webhook_gateway.signature import SignatureInvalid, verify
from worker import clock
from worker.stripe_event import parse

MAX_BODY = 1_048_576
# Stripe's ids have at most 255 characters, its types fewer.
MAX_NAME = 255
PLATFORM = 0

NEW = b'{"received": true, "duplicate": false}'
DUPLICATE = b'{"received": true, "duplicate": true}'


def register(app: Flask, settings: Settings) -> None:
    """Add the webhook's two routes, with connections of their own."""
    intake = Intake(settings, EventStore(settings.database_url))
    app.add_url_rule("/webhooks/stripe", "webhook", intake.receive, methods=["POST"])
    app.add_url_rule("/webhooks/stripe/<org>", "webhook_of_organization", intake.receive, methods=["POST"])
    app.extensions["punchcard.intake"] = intake


class Intake:
    """What receiving an event needs: the secrets, and where events are stored."""

    def __init__(self, settings: Settings, store: EventStore) -> None:
        self._settings = settings
        self._store = store

    def receive(self, org: str | None = None) -> Response:
        """Take one event: 200 once it is on disk, whether or not it was there before."""
        body = _body()
        owner = self._verified_owner(body, org)
        event = _event(body)
        try:
            is_new = self._store.add(self._new_event(event, body, owner, org), at=clock.now())
        except (psycopg.Error, PoolTimeout) as error:
            # The commit's outcome may be unknown: Stripe sends it again, and it is stored once.
            raise Problem(
                "database_unavailable",
                "The event was not stored for certain: send it again.",
                headers={"Retry-After": "5"},
            ) from error
        current_app.extensions["punchcard.hint"]("stripe")
        return Response(NEW if is_new else DUPLICATE, mimetype="application/json")

    def _verified_owner(self, body: bytes, org: str | None) -> str | None:
        """Return the slug of the organization whose secret signed; None for the platform's."""
        secrets = self._secrets(org)
        try:
            secret = verify(body, request.headers.get("Stripe-Signature", ""), secrets, at=clock.now())
        except SignatureInvalid as reason:
            raise Problem(
                "signature_invalid", f"{reason}. Check the endpoint's signing secret and the clock."
            ) from reason
        return secrets[secret]

    def _secrets(self, org: str | None) -> dict[str, str | None]:
        """Return the secrets that may sign for a path, with their owners; the platform's may for every one."""
        owned = self._settings.organization_secrets
        slugs = owned if org is None else {org} & owned.keys()
        secrets: dict[str, str | None] = {secret: slug for slug in slugs for secret in owned[slug]}
        return secrets | dict.fromkeys(self._settings.platform_secrets)

    def _new_event(self, event: dict[str, Any], body: bytes, owner: str | None, org: str | None) -> NewEvent:
        organization = self._organization(owner or org)
        return NewEvent(
            scope=organization if owner and organization else PLATFORM,
            organization_id=organization,
            event_id=event["id"],
            type=event["type"],
            livemode=event.get("livemode") if isinstance(event.get("livemode"), bool) else None,
            account=event.get("account") if _is_name(event.get("account")) else None,
            payload=body,
        )

    def _organization(self, slug: str | None) -> int | None:
        if slug is None:
            return None
        organization = self._store.organization(slug)
        if organization is None:
            raise Problem("forbidden", f"There is no organization {slug!r}: create it, then send the event again.")
        return organization


def _body() -> bytes:
    """Return the raw body; the front has read it whole, and under another server the limit holds too."""
    request.max_content_length = MAX_BODY
    return request.get_data(cache=False)


def _event(body: bytes) -> dict[str, Any]:
    """Return a signed body as what is stored: an object with an id and a type, whatever else is in it."""
    try:
        event = parse(body)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed_request", "The body is not JSON.") from error
    if not isinstance(event, dict) or not _is_name(event.get("id")) or not _is_name(event.get("type")):
        raise Problem("malformed_request", "The body is not an object with an id and a type.")
    return event


def _is_name(value: object) -> bool:
    """Say whether a value is a text that a column holds."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isascii() and value.isprintable()
