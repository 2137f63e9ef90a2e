"""Whose event it is, where neither a secret nor the path has said so (CONTRACT.md, «a webhook's organization»)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.inbox.verdict import Later, Quarantined


@dataclass(frozen=True, slots=True)
class Unrouted:
    """What an event says that may tell its organization; all of it optional."""

    event_id: int
    account: str | None
    slug: str | None
    payments: tuple[str, ...]
    customer: str | None
    subscription: str | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """The organizations, by each name an event may use for them; `only` where there is just one."""

    by_account: Mapping[str, int]
    by_slug: Mapping[str, int]
    by_payment: Mapping[str, int]
    by_customer: Mapping[str, int]
    by_subscription: Mapping[str, int]
    only: int | None


def route(
    session: Session, events: Sequence[Unrouted], settled: Mapping[str, int]
) -> dict[int, int | Quarantined | Later]:
    """Return the organization of each event, or why it has none yet.

    Args:
        session: Reads what the database knows of the events' objects.
        events: Events without an organization.
        settled: Organizations of payments that other events of the same batch tell of.

    """
    directory = _directory(session, events)
    found = {event.event_id: find(event, directory) for event in events}
    told = {
        key: organization
        for event in events
        if isinstance(organization := found[event.event_id], int)
        for key in event.payments
    } | dict(settled)
    return found | {
        event.event_id: told[event.payments[0]]
        for event in events
        if isinstance(found[event.event_id], Later) and event.payments and event.payments[0] in told
    }


def find(event: Unrouted, directory: Directory) -> int | Quarantined | Later:
    """Return an event's organization: by account, metadata, what knows its objects already, or the only one."""
    if event.account and event.account not in directory.by_account:
        return Quarantined("unknown_account", f"no organization has the Stripe account {event.account}")
    if event.slug and not event.account and event.slug not in directory.by_slug:
        return Quarantined("unknown_organization", f"metadata.org names {event.slug}, which is no organization here")
    found = (
        directory.by_account.get(event.account or "")
        or directory.by_slug.get(event.slug or "")
        or next((directory.by_payment[key] for key in event.payments if key in directory.by_payment), None)
        or directory.by_subscription.get(event.subscription or "")
        or directory.by_customer.get(event.customer or "")
        or directory.only
    )
    waits_for = f"payment:{event.payments[0]}" if event.payments else None
    return found or Later("unknown_organization", "nothing says yet whose event it is", waits_for)


ORGANIZATIONS = """
SELECT id, slug, stripe_account_id FROM organizations
 WHERE slug = ANY(%(slugs)s) OR stripe_account_id = ANY(%(accounts)s)
"""
# What an order hangs on is certain; other rows may be the phantoms of events sent to the wrong place.
KNOWN = """
SELECT p.stripe_key AS name, p.organization_id, EXISTS (SELECT 1 FROM orders o WHERE o.payment_id = p.id) AS certain
  FROM payments p WHERE p.stripe_key = ANY(%(payments)s)
UNION ALL
SELECT stripe_customer_id, organization_id, TRUE FROM stripe_customers WHERE stripe_customer_id = ANY(%(customers)s)
UNION ALL
SELECT u.stripe_key, u.organization_id, EXISTS (SELECT 1 FROM payments p JOIN orders o ON o.payment_id = p.id
           WHERE p.organization_id = u.organization_id AND p.subscription_key = u.stripe_key)
  FROM subscriptions u WHERE u.stripe_key = ANY(%(subscriptions)s)
"""


def _directory(session: Session, events: Sequence[Unrouted]) -> Directory:
    slugs = [event.slug for event in events if event.slug]
    accounts = [event.account for event in events if event.account]
    organizations = fetch(session, ORGANIZATIONS, slugs=slugs, accounts=accounts)
    known = _known(session, events)
    all_of_them = fetch(session, "SELECT id FROM organizations LIMIT 2")
    return Directory(
        by_account={row["stripe_account_id"]: row["id"] for row in organizations if row["stripe_account_id"]},
        by_slug={row["slug"]: row["id"] for row in organizations},
        by_payment=known,
        by_customer=known,
        by_subscription=known,
        only=all_of_them[0]["id"] if len(all_of_them) == 1 else None,
    )


def _known(session: Session, events: Sequence[Unrouted]) -> dict[str, int]:
    """Return the organizations of payments, customers and subscriptions; Stripe's ids tell them apart by themselves."""
    payments = [key for event in events for key in event.payments]
    customers = [event.customer for event in events if event.customer]
    subscriptions = [event.subscription for event in events if event.subscription]
    rows = fetch(session, KNOWN, payments=payments, customers=customers, subscriptions=subscriptions)
    certain = _by_name([row for row in rows if row["certain"]])
    return _by_name(rows) | certain


def _by_name(rows: Rows) -> dict[str, int]:
    """Return the organization of each name that only one organization knows."""
    owners: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        owners[row["name"]].add(row["organization_id"])
    return {name: next(iter(found)) for name, found in owners.items() if len(found) == 1}
