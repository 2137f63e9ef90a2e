"""Subscriptions as rows: held before any payment of theirs, with all that Stripe said of them by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import Subscription as SubscriptionRow
from db.transaction import fetch
from domain.subscription.facts import Subscription, SubscriptionFact, merge

# An organization's id, and the Stripe id of one of its subscriptions.
Key = tuple[int, str]

HELD = """
SELECT id, organization_id, stripe_key, facts FROM subscriptions
 WHERE organization_id = ANY(%(organizations)s) AND stripe_key = ANY(%(keys)s)
 ORDER BY stripe_key, organization_id FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription whose row is held; `is_changed` where something was said of it just now."""

    subscription: Subscription
    is_changed: bool


def record(session: Session, facts: Mapping[Key, Sequence[SubscriptionFact]], *, at: datetime) -> dict[Key, Held]:
    """Hold subscriptions, in the order of their names, and add to them what was said, if anything was."""
    if not facts:
        return {}
    names_of = ({"organization_id": key[0], "stripe_key": key[1]} for key in sorted(facts, key=_order))
    new = [names | {"facts": {}, "received_at": at} for names in names_of]
    insert(session, SubscriptionRow, new, conflict="(stripe_key, organization_id) DO NOTHING")
    organizations, names = (list(set(column)) for column in zip(*facts, strict=True))
    rows = fetch(session, HELD, organizations=organizations, keys=names)
    held, changes = {}, []
    for row in rows:
        key = (row["organization_id"], row["stripe_key"])
        if key in facts:
            after = Subscription(merge(row["facts"], facts[key]))
            held[key] = Held(after, is_changed=after.facts != row["facts"])
            changes += [_columns(row["id"], after)] if held[key].is_changed else []
    update(session, SubscriptionRow, changes)
    return held


def _order(key: Key) -> tuple[str, int]:
    return key[1], key[0]


def _columns(row_id: int, said: Subscription) -> dict[str, object]:
    about = {"status": said.status, "cancels_at": said.cancels_at, "ended_at": said.ended_at}
    return {"id": row_id, "facts": said.facts} | about
