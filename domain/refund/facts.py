"""All that a refund is decided on: the order with its payment and its student, both held, and what is left of it.

Locks come first and in one order (docs/adr/0003): the payment, then the student. What is summed is read after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import RefundPolicy, ServiceType
from db.transaction import fetch
from domain.errors import NotFound
from domain.purchase.payment import Purchase
from domain.refund.command import Refund
from domain.refund.consumed import consumed

HOLD_PAYMENT = """
SELECT p.id, p.organization_id, p.stripe_key, p.facts,
       ARRAY(SELECT part.stripe_key FROM payments part WHERE part.part_of = p.id ORDER BY 1) AS names
  FROM payments p
 WHERE p.id = (SELECT payment_id FROM orders WHERE id = %(order)s AND organization_id = %(organization)s)
   FOR NO KEY UPDATE OF p
"""
ORDER = """
SELECT o.id, o.organization_id, o.student_id, s.external_id, g.slug
  FROM orders o JOIN students s ON s.id = o.student_id JOIN organizations g ON g.id = o.organization_id
 WHERE o.id = %(order)s AND o.organization_id = %(organization)s
"""
HOLD_STUDENT = "SELECT 1 FROM students WHERE id = %(student)s FOR NO KEY UPDATE"
# What was sold is what the package said, with the bonus of a coupon; what staff corrected is worth nothing.
LINES = """
SELECT a.id, a.student_package_id AS package_id, k.name AS package, a.service_type, a.weight,
       a.credits - coalesce(u.bonus, 0) AS sold, coalesce(u.consumed, 0) AS consumed,
       a.credits - coalesce(u.used, 0) AS remaining, coalesce(u.taken, 0) AS taken,
       coalesce((SELECT sum(b.credits_used) FROM bookings b
                  WHERE b.allowance_id = a.id AND b.status = 'CONFIRMED' AND b.start_at > %(at)s), 0) AS bound
  FROM student_packages k
  JOIN student_package_allowances a ON a.student_package_id = k.id
  LEFT JOIN LATERAL (
       SELECT sum(credits)::bigint AS used, sum(credits) FILTER (WHERE kind = 'BONUS')::bigint AS bonus,
              sum(credits) FILTER (WHERE kind IN ('SPEND', 'RETURN'))::bigint AS consumed,
              sum(credits) FILTER (WHERE kind = 'TAKEN_BACK')::bigint AS taken
         FROM package_uses WHERE allowance_id = a.id) u ON true
 WHERE k.order_id = %(order)s ORDER BY k.id, a.position
"""
PACKAGES = """
SELECT k.id, k.all_access_starts_at IS NOT NULL AS is_pass, d.product_type = 'COURSE' AS is_course, d.refund_policy
  FROM student_packages k JOIN products d ON d.id = k.product_id WHERE k.order_id = %(order)s ORDER BY k.id
"""
REQUESTED = """
SELECT r.id, r.amount, r.is_whole, coalesce((c.params ->> 'amount')::bigint, r.amount) AS asked
  FROM refunds r LEFT JOIN stripe_calls c ON c.refund_id = r.id AND c.kind = 'REFUND_CREATE'
 WHERE r.order_id = %(order)s AND r.status = 'REQUESTED'
"""

# Of the products of an order the strictest decides.
STRICTNESS = (RefundPolicy.ALL, RefundPolicy.UNUSED_ONLY, RefundPolicy.REVIEW)


class Overtaken(Exception):
    """The order went to another student meanwhile: begin anew."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order's packages, in credits: what was `sold`, `remaining`, `taken` back, `bound` in bookings.

    `consumed` is what bookings cost, those that are ahead included.
    """

    id: int
    package_id: int
    package: str
    service: ServiceType
    weight: int | None
    sold: int
    consumed: int
    remaining: int
    taken: int
    bound: int


@dataclass(frozen=True, slots=True)
class Requested:
    """A refund that Stripe has not decided yet, in minor units.

    `amount` is in what the order was sold in, `asked` in what the card was charged in.
    """

    id: int
    amount: int
    is_whole: bool
    asked: int


@dataclass(frozen=True, slots=True)
class Held:
    """An order, its payment and its student, held; what is not paid through Stripe has no `purchase`.

    `names` are the other names of an invoice's payment, by which Stripe pays back; `policy` is the strictest of its
    products. It `is_divisible` where it has neither passes nor courses, whose use no credits count.
    """

    order_id: int
    organization_id: int
    slug: str
    student_id: int
    external_id: str | None
    payment_id: int | None
    purchase: Purchase | None
    names: Sequence[str]
    lines: Sequence[Line]
    requested: Sequence[Requested]
    packages: Sequence[int]
    is_divisible: bool
    policy: RefundPolicy
    is_consumed: bool

    @property
    def left(self) -> int:
        """What may still go back, in minor units: neither back already, nor asked for and not seen yet."""
        if self.purchase is None:
            return 0
        under_way = sum(each.amount for each in self._unseen)
        return self.purchase.received - self.purchase.refunded - under_way

    def of_charge(self, amount: int) -> int:
        """Return what Stripe is to pay back for so much of the order, in minor units of what the card was charged in.

        Rounded together with what went before, so that parts add up: all that is left is all that is left there.
        """
        if self.purchase is None:
            return amount
        before = self.purchase.received - self.left
        gone = self.purchase.returned + sum(each.asked for each in self._unseen)
        return self.purchase.charge.of_order(before + amount) - gone

    @property
    def _unseen(self) -> Sequence[Requested]:
        """What was asked for, and Stripe has not told of yet."""
        seen = {refund.ours for refund in self.purchase.refunds} if self.purchase else set()
        return [each for each in self.requested if str(each.id) not in seen]


def hold(session: Session, command: Refund, *, at: datetime) -> Held:
    """Lock and read what a refund is about.

    Raises:
        NotFound: the organization has no such order.
        Overtaken: its student changed while it was looked for.

    """
    names = {"order": command.order_id, "organization": command.organization_id}
    payments = fetch(session, HOLD_PAYMENT, **names)
    found = fetch(session, ORDER, **names)
    if not found:
        raise NotFound("There is no order of this id: GET /api/admin/orders lists them.")
    fetch(session, HOLD_STUDENT, student=found[0]["student_id"])
    if fetch(session, ORDER, **names) != found:
        raise Overtaken
    return _read(session, found[0], payments[0] if payments else None, at=at)


def again(session: Session, held: Held, *, at: datetime) -> Sequence[Line]:
    """Return the lines of an order that is held, after something of it was given back."""
    return _lines(session, held.order_id, at=at)


def _read(session: Session, order: Mapping[str, Any], payment: Mapping[str, Any] | None, *, at: datetime) -> Held:
    order_id: int = order["id"]
    packages = fetch(session, PACKAGES, order=order_id)
    policies = [RefundPolicy(row["refund_policy"]) for row in packages]
    return Held(
        order_id=order_id,
        organization_id=order["organization_id"],
        slug=order["slug"],
        student_id=order["student_id"],
        external_id=order["external_id"],
        payment_id=payment["id"] if payment else None,
        purchase=_purchase(payment),
        names=payment["names"] if payment else (),
        lines=_lines(session, order_id, at=at),
        requested=[Requested(**row) for row in fetch(session, REQUESTED, order=order_id)],
        packages=[row["id"] for row in packages],
        is_divisible=not any(row["is_pass"] or row["is_course"] for row in packages),
        policy=max(policies, key=STRICTNESS.index, default=RefundPolicy.UNUSED_ONLY),
        is_consumed=order_id in consumed(session, [order_id], at=at),
    )


def _purchase(payment: Mapping[str, Any] | None) -> Purchase | None:
    if payment is None:
        return None
    return Purchase(payment["organization_id"], payment["stripe_key"], payment["facts"])


def _lines(session: Session, order_id: int, *, at: datetime) -> list[Line]:
    rows = fetch(session, LINES, order=order_id, at=at)
    return [
        Line(
            row["id"],
            row["package_id"],
            row["package"],
            ServiceType(row["service_type"]),
            row["weight"],
            int(row["sold"]),
            int(row["consumed"]),
            int(row["remaining"]),
            int(row["taken"]),
            int(row["bound"]),
        )
        for row in rows
    ]
