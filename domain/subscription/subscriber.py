"""Whose a subscription is: the student named by any of its payments is meant by those that name nobody.

A Stripe customer may pay for several students; a subscription is one student's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.purchase.payment import Purchase

# An organization's id, and the Stripe id of one of its subscriptions.
Key = tuple[int, str]

PAYMENTS = """
SELECT p.organization_id, p.subscription_key, p.stripe_key, p.facts, o.id AS order_id, o.student_id
  FROM payments p LEFT JOIN orders o ON o.payment_id = p.id
 WHERE p.organization_id = ANY(%(organizations)s) AND p.subscription_key = ANY(%(keys)s)
 ORDER BY p.stripe_key
"""
STUDENTS = """
SELECT organization_id, external_id, coalesce(merged_into, id) AS id FROM students
 WHERE organization_id = ANY(%(organizations)s) AND external_id = ANY(%(names)s)
"""


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Of each subscription the frontend's id of its student, and its orders that name nobody, with who has them."""

    names: Mapping[Key, str]
    unnamed: Mapping[int, tuple[Key, int]]

    def of(self, purchase: Purchase) -> str | None:
        """Return whom a purchase means by its subscription."""
        return self.names.get((purchase.organization_id, purchase.subscription or ""))


def read_subscribers(session: Session, keys: Collection[Key]) -> Subscribers:
    """Return whose subscriptions are, which the caller holds."""
    names: dict[Key, str] = {}
    unnamed: dict[int, tuple[Key, int]] = {}
    if not keys:
        return Subscribers(names, unnamed)
    organizations, subscriptions = (list(set(column)) for column in zip(*keys, strict=True))
    for row in fetch(session, PAYMENTS, organizations=organizations, keys=subscriptions):
        key = (row["organization_id"], row["subscription_key"])
        named = Purchase(row["organization_id"], row["stripe_key"], row["facts"]).external_id
        if named:
            names.setdefault(key, named)
        elif row["order_id"]:
            unnamed[row["order_id"]] = (key, row["student_id"])
    return Subscribers(names, unnamed)


def moves_to(session: Session, subscribers: Subscribers) -> dict[int, tuple[int, int]]:
    """Return, by order, who has what belongs to the student of its subscription, and that student."""
    wanted = {(key[0], name) for key, name in subscribers.names.items()}
    if not wanted or not subscribers.unnamed:
        return {}
    organizations, names = (list(set(column)) for column in zip(*wanted, strict=True))
    rows = fetch(session, STUDENTS, organizations=organizations, names=names)
    students = {(row["organization_id"], row["external_id"]): row["id"] for row in rows}
    moves = {}
    for order, (key, giver) in subscribers.unnamed.items():
        taker = students.get((key[0], subscribers.names.get(key, "")))
        if taker and taker != giver:
            moves[order] = (giver, taker)
    return moves
