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
from domain.subscription.window import FOLLOWS_WITHIN, Course, Period, end_of, end_of_credits
from domain.validity import later, local_days

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
    nearer = {row["id"]: row["expires_at"] for row in changes.values() if row.pop("is_nearer")}
    update(session, StudentPackage, list(changes.values()))
    withdraw(session, nearer, at=at)
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
    """Return the ends that packages have by now, where these are not those that they had.

    Days that were given to a pass belong behind the periods that follow it: a day that two passes pay for is none.
    """
    course, rows = course_of(subscription, [each.purchase for each in payments]), list[dict[str, Any]]()
    paid = [(Period.of(each.purchase.period), each) for each in payments if each.purchase.period and each.packages]
    owed, before = 0, None
    for period, each in sorted(paid, key=lambda one: (one[0].start, one[1].purchase.key)):
        given = owed if before and period.start < before + FOLLOWS_WITHIN else 0
        owed, before = 0, period.end
        for package in each.packages:
            base, ends = _ends(package, Due(period, course, each.timezone, given))
            rows += _change(package, ends)
            if package["all_access_expires_at"] and not each.purchase.is_revoked:
                owed = local_days(base, ends, each.timezone)
    return rows


@dataclass(frozen=True, slots=True)
class Due:
    """What an end follows from: the period, how the subscription went on, and days that were given before."""

    period: Period
    course: Course
    timezone: str
    given: int


def _ends(package: Mapping[str, Any], due: Due) -> tuple[datetime, datetime]:
    """Return the end that follows from the period alone, and the one with what was given besides.

    Who cancels at once keeps nothing beyond that instant.
    """
    has_pass, until = package["all_access_expires_at"] is not None, _instant(package["extended_until"])
    base = end_of(due.period, due.course, due.timezone)
    if not has_pass:
        base = end_of_credits(due.period, due.course, due.timezone, package["validity_days"])
    if due.course.ended_at is not None and due.course.ended_at < due.period.end:
        return base, base
    ends = later(base, due.given, due.timezone) if has_pass else base
    return base, max(ends, until) if until else ends


def _change(package: Mapping[str, Any], ends: datetime) -> list[dict[str, Any]]:
    """Return the row of an end that is another now."""
    stands = _instant(package["expires_at"])
    if stands == ends:
        return []
    pass_ends = ends if package["all_access_expires_at"] else None
    is_nearer = stands is not None and ends < stands
    return [{"id": package["id"], "expires_at": ends, "all_access_expires_at": pass_ends, "is_nearer": is_nearer}]


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
