"""Many uses of coupons at once, whose coupons and students the caller holds: settled, given back, or handed over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import CouponUse
from db.transaction import fetch
from domain.desk import coupon_use
from domain.errors import CouponExhausted

SETTLE = """
UPDATE coupon_uses SET status = 'USED', held_until = NULL, student_package_id = new.package_id
  FROM unnest(%(uses)s::bigint[], %(packages)s::bigint[]) AS new (id, package_id)
 WHERE coupon_uses.id = new.id AND coupon_uses.status = 'HELD' RETURNING coupon_uses.id
"""
RELEASE = """
UPDATE coupon_uses SET status = 'RELEASED', number = NULL, student_number = NULL, held_until = NULL
 WHERE id = ANY(%(uses)s) AND status = 'HELD'
"""
# Uses for packages that are another student's by now. Of who was merged it is known whose they are.
PARTED = """
SELECT u.id, u.coupon_id, k.student_id AS taker, k.order_id, u.max_redemptions_per_student AS most
  FROM student_packages k JOIN coupon_uses u ON u.student_package_id = k.id AND u.number IS NOT NULL
  JOIN students s ON s.id = u.student_id
 WHERE k.order_id = ANY(%(orders)s) AND u.student_id <> k.student_id AND s.merged_into IS DISTINCT FROM k.student_id
 ORDER BY u.id
"""
NUMBERS = """
SELECT coupon_id, student_id, student_number FROM coupon_uses
 WHERE coupon_id = ANY(%(coupons)s) AND student_id = ANY(%(students)s) AND student_number IS NOT NULL
"""


def settle_all(session: Session, packages: Mapping[int, int], *, at: datetime) -> list[int]:
    """Say that what Checkouts held was paid, each use for a package; return those that lapsed and have no room left."""
    values = {"uses": list(packages), "packages": list(packages.values())}
    settled = {row["id"] for row in fetch(session, SETTLE, **values)}
    return [use for use in sorted(packages.keys() - settled) if not _settle_late(session, use, packages[use], at=at)]


def _settle_late(session: Session, use_id: int, package_id: int, *, at: datetime) -> bool:
    try:
        coupon_use.settle(session, use_id, package_id, at=at)
    except CouponExhausted:
        return False
    return True


def release_all(session: Session, use_ids: Collection[int]) -> None:
    """Give back what Checkouts held, as far as they hold it still; what was used stays used."""
    if use_ids:
        fetch(session, RELEASE, uses=sorted(use_ids))


def hand_over(session: Session, order_ids: Sequence[int], *, at: datetime) -> list[tuple[int, int]]:
    """Give uses to those whose packages they are for by now; return those that stay, each as its order and itself.

    A use stays where its taker has used the coupon as often as one student may.
    """
    uses = fetch(session, PARTED, orders=list(order_ids))
    if not uses:
        return []
    coupons, students = list({use["coupon_id"] for use in uses}), list({use["taker"] for use in uses})
    coupon_use.lapse(session, coupons, at=at)
    numbers: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for row in fetch(session, NUMBERS, coupons=coupons, students=students):
        numbers[row["coupon_id"], row["student_id"]].add(row["student_number"])
    rows, left = [], []
    for use in uses:
        taken = numbers[use["coupon_id"], use["taker"]]
        free = min(set(range(1, len(taken) + 2)) - taken)
        if free > use["most"]:
            left.append((use["order_id"], use["id"]))
            continue
        taken.add(free)
        rows.append({"id": use["id"], "student_id": use["taker"], "student_number": free})
    update(session, CouponUse, rows)
    return left
