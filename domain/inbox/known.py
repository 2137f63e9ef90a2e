"""What we know of payments and events, for whoever holds it against what Stripe knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch


@dataclass(frozen=True, slots=True)
class Account:
    """An account of Stripe's to be asked, None for the key's own, and the organizations that sell there."""

    id: str | None
    slugs: tuple[str, ...]


ACCOUNTS = """
SELECT stripe_account_id AS id, array_agg(slug ORDER BY slug) AS slugs FROM organizations
 WHERE %(slug)s::text IS NULL OR slug = %(slug)s
 GROUP BY stripe_account_id ORDER BY stripe_account_id NULLS FIRST
"""


def accounts(session: Session, slug: str | None) -> list[Account]:
    """Return the accounts at which organizations sell, or one of them does; the key's own first."""
    found = [Account(row["id"], tuple(row["slugs"])) for row in fetch(session, ACCOUNTS, slug=slug)]
    own = [] if slug or any(each.id is None for each in found) else [Account(None, ())]
    return own + found


# Of several organizations that were told of one payment, the one that has an order for it.
PAYMENTS = """
SELECT DISTINCT ON (p.stripe_key) p.stripe_key AS name, o.slug, p.part_of IS NOT NULL AS is_part, whole.status,
       whole.amount_received, whole.currency, whole.facts
  FROM payments p JOIN payments whole ON whole.id = coalesce(p.part_of, p.id)
  JOIN organizations o ON o.id = p.organization_id
 WHERE p.stripe_key = ANY(%(keys)s)
 ORDER BY p.stripe_key, (EXISTS (SELECT FROM orders WHERE payment_id = whole.id)) DESC, p.id
"""


def payments(session: Session, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what is known of payments, by each of their names: facts and amounts of the whole payment."""
    return {row.pop("name"): row for row in fetch(session, PAYMENTS, keys=list(keys))} if keys else {}


SUBSCRIPTIONS = """
SELECT s.stripe_key, o.slug FROM subscriptions s JOIN organizations o ON o.id = s.organization_id
 WHERE s.stripe_key = ANY(%(keys)s)
"""


def subscriptions(session: Session, keys: Collection[str]) -> dict[str, str]:
    """Return of the subscriptions that are known whose they are."""
    rows = fetch(session, SUBSCRIPTIONS, keys=list(keys)) if keys else []
    return {row["stripe_key"]: row["slug"] for row in rows}


# Few scopes, and an index that begins with them: each is found behind the one before it.
STORED = """
WITH RECURSIVE scopes AS (
    SELECT min(scope) AS scope FROM stripe_events
    UNION ALL
    SELECT (SELECT min(scope) FROM stripe_events WHERE scope > scopes.scope) FROM scopes WHERE scopes.scope IS NOT NULL)
SELECT e.event_id, e.id FROM scopes JOIN stripe_events e ON e.scope = scopes.scope AND e.event_id = ANY(%(ids)s)
"""


def stored(session: Session, event_ids: Collection[str]) -> dict[str, int]:
    """Return which events are in the inbox, whoever signed them, with their rows."""
    rows = fetch(session, STORED, ids=list(event_ids)) if event_ids else []
    return {row["event_id"]: row["id"] for row in rows}


PAID = """
SELECT p.id, p.stripe_key, p.amount_received, p.currency, p.received_at, o.slug, o.stripe_account_id
  FROM payments p JOIN organizations o ON o.id = p.organization_id
 WHERE p.received_at >= %(since)s AND p.id > %(after)s AND p.status = 'SUCCEEDED' AND p.part_of IS NULL
   AND (%(slug)s::text IS NULL OR o.slug = %(slug)s)
 ORDER BY p.id LIMIT 500
"""


def paid(session: Session, slug: str | None, *, since: datetime, after: int) -> Rows:
    """Return payments that were first heard of since an instant, in the order of their ids, some at a time."""
    return fetch(session, PAID, slug=slug, since=since, after=after)


STUCK = """
SELECT e.id, e.event_id, e.type, e.status, e.error_code, e.last_error, e.received_at, e.account, e.payload,
       e.line_items, o.slug
  FROM stripe_events e LEFT JOIN organizations o ON o.id = e.organization_id
 WHERE e.received_at >= %(since)s AND e.id > %(after)s AND (%(slug)s::text IS NULL OR o.slug = %(slug)s)
   AND (e.status IN ('FAILED', 'QUARANTINED') OR (e.status = 'RECEIVED' AND e.received_at < %(before)s))
 ORDER BY e.id LIMIT 100
"""


def stuck(session: Session, slug: str | None, *, since: datetime, before: datetime, after: int) -> Rows:
    """Return events that were stored since an instant and not acted on: parked, or waiting since `before`."""
    return fetch(session, STUCK, slug=slug, since=since, before=before, after=after)


LATEST = "SELECT coalesce(max(id), 0) AS id FROM stripe_events"


def latest(session: Session) -> int:
    """Return the row of the event that was stored last, by whomever."""
    return int(fetch(session, LATEST)[0]["id"])


WAITING = "SELECT count(*) AS n FROM stripe_events WHERE id <= %(upto)s AND status = 'RECEIVED' AND due_at <= %(at)s"


def waiting(session: Session, upto: int, *, at: datetime) -> int:
    """Return how many events up to a row nobody has come for yet; what waits for a fact was acted on."""
    return int(fetch(session, WAITING, upto=upto, at=at)[0]["n"])


SLUGS = "SELECT id, slug FROM organizations"


def slugs(session: Session) -> Mapping[int, str]:
    """Return the slugs of all organizations."""
    return {row["id"]: row["slug"] for row in fetch(session, SLUGS)}
