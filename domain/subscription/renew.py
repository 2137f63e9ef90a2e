"""The ends of what a subscription granted, computed anew from all that Stripe said of it and of its invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import Notification, PaymentStatus, StudentPackage
from db.transaction import fetch
from domain.mail.standing_mail import RENEWAL_FAILED
from domain.purchase.payment import Purchase
from domain.purchase.standing import Key
from domain.purchase.withdraw import withdraw
from domain.subscription.book import Held
from domain.subscription.facts import Subscription
from domain.subscription.window import Course, Period, end_of, end_of_credits

# Every payment of the subscriptions, with the packages that it granted; renewals are a dozen a year.
PAYMENTS = """
SELECT p.organization_id, p.stripe_key, p.subscription_key, p.status, p.facts, g.timezone,
       (SELECT jsonb_agg(jsonb_build_object('id', k.id, 'student_id', k.student_id, 'order_id', k.order_id,
                 'validity_days', k.validity_days, 'expires_at', k.expires_at,
                 'all_access_expires_at', k.all_access_expires_at, 'extended_until', k.extended_until,
                 'purchased_at', k.purchased_at) ORDER BY k.id)
          FROM orders o JOIN student_packages k ON k.order_id = o.id WHERE o.payment_id = p.id) AS packages
  FROM payments p JOIN organizations g ON g.id = p.organization_id
 WHERE p.organization_id = ANY(%(organizations)s) AND p.subscription_key = ANY(%(keys)s)
 ORDER BY p.stripe_key
"""
OWNERS = """
SELECT DISTINCT k.student_id FROM payments p JOIN orders o ON o.payment_id = p.id
  JOIN student_packages k ON k.order_id = o.id
 WHERE p.organization_id = ANY(%(organizations)s) AND p.subscription_key = ANY(%(keys)s)
"""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of a subscription, the period that it names, and the packages that it granted."""

    purchase: Purchase
    status: PaymentStatus
    timezone: str
    packages: Sequence[Mapping[str, Any]]


def owners(session: Session, keys: Collection[Key]) -> set[int]:
    """Return the students who hold something of subscriptions, which the caller holds."""
    return {row["student_id"] for row in fetch(session, OWNERS, **_named(keys))} if keys else set()


def renew(session: Session, held: Mapping[Key, Held], *, at: datetime) -> set[int]:
    """Give what subscriptions granted the ends that follow, give up what they cannot pay any more, tell who is behind.

    The students who hold it are held. Returns those for whom an end moved.
    """
    if not held:
        return set()
    paid = _paid(session, held)
    changes = {row["id"]: row for key, payments in paid.items() for row in _changes(held[key].subscription, payments)}
    update(session, StudentPackage, list(changes.values()))
    withdraw(session, {row["id"]: row["expires_at"] for row in changes.values()}, at=at)
    insert(session, Notification, [row for each in paid.values() for row in _failures(each, at)], conflict="DO NOTHING")
    moved = (each for payments in paid.values() for one in payments for each in one.packages if each["id"] in changes)
    return {each["student_id"] for each in moved}


def adrift(session: Session) -> list[int]:
    """Return the packages of subscriptions whose ends are not those that follow from what Stripe said."""
    rows = fetch(session, "SELECT organization_id, stripe_key, facts FROM subscriptions ORDER BY id")
    known = {(row["organization_id"], row["stripe_key"]): Subscription(row["facts"]) for row in rows}
    paid = _paid(session, known) if known else {}
    return [int(row["id"]) for key, payments in paid.items() for row in _changes(known[key], payments)]


def course_of(subscription: Subscription, purchases: Collection[Purchase]) -> Course:
    """Return how a subscription went on, by its own facts and those of its payments."""
    failed = (p.period[0] for p in purchases if p.status is PaymentStatus.FAILED and p.period)
    behind = {datetime.fromtimestamp(each, UTC) for each in (*subscription.behind, *failed)}
    return Course(subscription.ended_at, behind)


def _named(keys: Collection[Key]) -> dict[str, list[Any]]:
    organizations, names = (list(set(column)) for column in zip(*keys, strict=True))
    return {"organizations": organizations, "keys": names}


def _paid(session: Session, keys: Collection[Key]) -> dict[Key, list[Paid]]:
    found: dict[Key, list[Paid]] = defaultdict(list)
    for row in fetch(session, PAYMENTS, **_named(keys)):
        key = (row["organization_id"], row["subscription_key"])
        if key in keys:
            purchase = Purchase(row["organization_id"], row["stripe_key"], row["facts"])
            found[key].append(Paid(purchase, PaymentStatus(row["status"]), row["timezone"], row["packages"] or ()))
    return found


def _changes(subscription: Subscription, payments: Sequence[Paid]) -> list[dict[str, Any]]:
    course = course_of(subscription, [each.purchase for each in payments])
    rows = [_ends(package, each, course) for each in payments if each.purchase.period for package in each.packages]
    return [row for row in rows if row is not None]


def _ends(package: Mapping[str, Any], paid: Paid, course: Course) -> dict[str, Any] | None:
    """Return the ends that a package has by now, None where they are those that it had."""
    assert paid.purchase.period is not None  # noqa: S101 - the caller looked
    period = Period.of(paid.purchase.period)
    has_pass = package["all_access_expires_at"] is not None
    until = _instant(package["extended_until"])
    ends = end_of(period, course, paid.timezone)
    if not has_pass:
        ends = end_of_credits(period, course, paid.timezone, package["validity_days"])
    ends = max(ends, until) if until else ends
    if _instant(package["expires_at"]) == ends:
        return None
    return {"id": package["id"], "expires_at": ends, "all_access_expires_at": ends if has_pass else None}


def _instant(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _failures(payments: Sequence[Paid], at: datetime) -> list[dict[str, Any]]:
    """Return a mail for each renewal that failed, to who holds something of the same subscription."""
    holding = [package for each in payments for package in each.packages]
    failed = [each for each in payments if each.status is PaymentStatus.FAILED]
    if not holding or not failed:
        return []
    last = max(holding, key=lambda package: int(package["id"]))
    return [_mail(each.purchase, last, at) for each in failed]


def _mail(purchase: Purchase, package: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "organization_id": purchase.organization_id,
        "student_id": package["student_id"],
        "kind": RENEWAL_FAILED,
        "dedupe_key": f"invoice:{purchase.key}",
        "student_package_id": package["id"],
        "message_id": str(uuid4()),
        "due_at": at,
        "created_at": at,
    }
