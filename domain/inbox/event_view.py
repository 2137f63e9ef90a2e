"""What Stripe sent: the inbox of webhooks as staff see it."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, true
from sqlalchemy.orm import Session

from db.models import EventStatus, Organization, StripeEvent
from domain.listing import Part, newest_first


@dataclass(frozen=True, slots=True)
class EventView:
    """A stored event; `organization` is a slug, None as long as nobody knows whose it is."""

    id: int
    event_id: str
    organization: str | None
    type: str
    livemode: bool | None
    account: str | None
    status: EventStatus
    attempts: int
    due_at: datetime
    error_code: str | None
    last_error: str | None
    waits_for: str | None
    received_at: datetime
    finished_at: datetime | None

    @property
    def next_attempt_at(self) -> datetime | None:
        """When it is due; None once it is finished or parked."""
        return self.due_at if self.status is EventStatus.RECEIVED else None


@dataclass(frozen=True, slots=True)
class EventBody:
    """What was signed, byte by byte, and the line items that were fetched for it; long after it was handled its hash.

    `payload_hash` is the SHA-256 of the bytes that are kept no longer.
    """

    payload: bytes | None
    payload_hash: bytes | None
    line_items: dict[str, Any] | None

    def shown(self) -> dict[str, Any]:
        """Return it as JSON can hold it: `payload`, or `payload_base64` where the bytes are not JSON.

        Where they are kept no longer, `payload_sha256` is in their place.
        """
        content = {"line_items": self.line_items}
        if self.payload is None:
            return content | {"payload": None, "payload_sha256": (self.payload_hash or b"").hex()}
        try:
            shown = content | {"payload": json.loads(self.payload)}
            # What Python reads more kindly than JSON is (NaN, infinite numbers) is shown as bytes.
            json.dumps(shown, allow_nan=False)
        except (ValueError, RecursionError):
            return content | {"payload_base64": b64encode(self.payload).decode()}
        return shown


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a list shows: those received in [since, until)."""

    status: EventStatus | None = None
    type: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def visible(organization_id: int | None) -> ColumnElement[bool]:
    """Return which events an organization's staff may see; None is the platform's admins, who see all.

    What is in quarantine claims to be of an organization, which is why its staff do not see it.
    """
    if organization_id is None:
        return true()
    return (StripeEvent.organization_id == organization_id) & (StripeEvent.status != EventStatus.QUARANTINED)


def is_kept() -> ColumnElement[bool]:
    """Return which events still have what they said."""
    return StripeEvent.payload.is_not(None)


def matching(wanted: EventFilter) -> ColumnElement[bool]:
    """Return which events a filter means."""
    return and_(
        true() if wanted.status is None else StripeEvent.status == wanted.status,
        true() if wanted.type is None else StripeEvent.type == wanted.type,
        true() if wanted.code is None else StripeEvent.error_code == wanted.code,
        true() if wanted.since is None else StripeEvent.received_at >= wanted.since,
        true() if wanted.until is None else StripeEvent.received_at < wanted.until,
    )


def events(session: Session, organization_id: int | None, wanted: EventFilter, part: Part) -> list[EventView]:
    """Return events, newest first."""
    conditions = (visible(organization_id), matching(wanted))
    rows = session.execute(newest_first(_events().where(*conditions), StripeEvent.id, part)).mappings()
    return [EventView(**row) for row in rows]


def find(session: Session, event_id: int, organization_id: int | None) -> EventView | None:
    """Return an event, if it may be seen."""
    statement = _events().where(StripeEvent.id == event_id, visible(organization_id))
    row = session.execute(statement).mappings().one_or_none()
    return EventView(**row) if row else None


def body(session: Session, event_id: int) -> EventBody:
    """Return what an event says; ask `find` first whether it may be seen."""
    said = (StripeEvent.payload, StripeEvent.payload_hash, StripeEvent.line_items)
    statement = select(*said).where(StripeEvent.id == event_id)
    return EventBody(*session.execute(statement).tuples().one())


def _events() -> Select[Any]:
    return select(
        StripeEvent.id,
        StripeEvent.event_id,
        Organization.slug.label("organization"),
        StripeEvent.type,
        StripeEvent.livemode,
        StripeEvent.account,
        StripeEvent.status,
        StripeEvent.attempts,
        StripeEvent.due_at,
        StripeEvent.error_code,
        StripeEvent.last_error,
        StripeEvent.waits_for,
        StripeEvent.received_at,
        StripeEvent.finished_at,
    ).outerjoin(Organization, Organization.id == StripeEvent.organization_id)
