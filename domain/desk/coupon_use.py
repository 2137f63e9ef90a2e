"""Uses of a coupon, each with a number within its limits: taken at the desk, or held by a Checkout until it is paid.

Numbers are given with the coupon locked, after the student. Whoever gives those of several coupons locks them all
first, by `lock`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import Coupon, CouponUse, CouponUseStatus
from db.transaction import fetch
from domain.errors import CouponExhausted, CouponInvalid

# PRODUCT.md §2: how long a Checkout keeps its use.
HOLD_FOR = timedelta(minutes=30)
# What a use that no longer counts has instead of its numbers.
NOTHING = {"number": None, "student_number": None, "held_until": None}

LAPSE = """
UPDATE coupon_uses SET status = 'RELEASED', number = NULL, student_number = NULL, held_until = NULL
 WHERE coupon_id = ANY(%(coupons)s) AND status = 'HELD' AND held_until <= %(at)s
"""
# One look into an index: whoever uses a coupon for the ten-thousandth time should not count the others.
LAST = "SELECT max(number) AS number FROM coupon_uses WHERE coupon_id = %(coupon)s AND number IS NOT NULL"
# What was released left a gap; looked for only where the numbers have come to their end.
GAP = """
SELECT CASE WHEN NOT EXISTS (SELECT FROM coupon_uses WHERE coupon_id = %(coupon)s AND number = 1) THEN 1
       ELSE (SELECT min(u.number) + 1 FROM coupon_uses u
              WHERE u.coupon_id = %(coupon)s AND u.number < %(limit)s
                AND NOT EXISTS (SELECT FROM coupon_uses v WHERE v.coupon_id = u.coupon_id
                                                            AND v.number = u.number + 1)) END AS number
"""
OWN = """
SELECT student_number FROM coupon_uses
 WHERE coupon_id = %(coupon)s AND student_id = %(student)s AND student_number IS NOT NULL
"""
COUNT = """
SELECT count(*) AS total, count(*) FILTER (WHERE student_id = %(student)s) AS own FROM coupon_uses
 WHERE coupon_id = %(coupon)s AND number IS NOT NULL AND (status = 'USED' OR held_until > %(at)s)
"""
USE = "SELECT id, coupon_id, student_id, status, student_package_id FROM coupon_uses WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a use: among all of its coupon, and among those of its student."""

    number: int
    student_number: int


def lock(session: Session, coupon_ids: Collection[int]) -> dict[int, Coupon]:
    """Lock coupons in the order of their ids, and return them as they stand then; whoever gives numbers holds them."""
    wanted = select(Coupon).where(Coupon.id.in_(coupon_ids)).order_by(Coupon.id).with_for_update(key_share=True)
    rows = session.scalars(wanted.execution_options(populate_existing=True))
    return {row.id: row for row in rows}


def room(session: Session, coupon: Coupon, student_id: int, *, at: datetime) -> Numbers:
    """Return the numbers that another use of a locked coupon by a student would have.

    Raises:
        CouponExhausted: there is none left, in all or for this student.

    """
    lapse(session, [coupon.id], at=at)
    own = {row["student_number"] for row in fetch(session, OWN, coupon=coupon.id, student=student_id)}
    if len(own) >= coupon.max_redemptions_per_student:
        raise _used_by_student(coupon)
    number = _free_number(session, coupon)
    if number is None:
        raise _used_up(coupon)
    return Numbers(number, next(each for each in range(1, len(own) + 2) if each not in own))


def check_room(session: Session, coupon: Coupon, student_id: int | None, *, at: datetime) -> None:
    """Refuse a coupon that has no use left now, in all or for a student if one is named. Reads only.

    Raises:
        CouponExhausted: as `room`; what Checkouts held for longer than they may does not count.

    """
    (counted,) = fetch(session, COUNT, coupon=coupon.id, student=student_id, at=at)
    if counted["own"] >= coupon.max_redemptions_per_student:
        raise _used_by_student(coupon)
    if counted["total"] >= coupon.max_redemptions:
        raise _used_up(coupon)


def _used_by_student(coupon: Coupon) -> CouponExhausted:
    often = coupon.max_redemptions_per_student
    times = "once" if often == 1 else f"{often} times"
    return CouponExhausted(f"Choose another coupon: {coupon.code} may be used {times} by one student, and was.")


def _used_up(coupon: Coupon) -> CouponExhausted:
    return CouponExhausted(f"Choose another coupon: {coupon.code} was used as often as it may be.")


def lapse(session: Session, coupon_ids: Collection[int], *, at: datetime) -> None:
    """Release what Checkouts held for longer than they may."""
    fetch(session, LAPSE, coupons=list(coupon_ids), at=at)


def take(session: Session, coupon: Coupon, student_id: int, *, at: datetime) -> int:
    """Use a locked coupon for a student, and return the use; `name_package` says for what.

    Raises:
        CouponExhausted: there is no use left.

    """
    numbers = room(session, coupon, student_id, at=at)
    return _add(session, coupon, student_id, numbers, {"status": CouponUseStatus.USED.value, "created_at": at})


def name_package(session: Session, use_id: int, student_package_id: int) -> None:
    """Say for which package a coupon was used."""
    update(session, CouponUse, [{"id": use_id, "student_package_id": student_package_id}])


def hold(session: Session, coupon_id: int, student_id: int, *, at: datetime) -> int:
    """Keep a use of a coupon for a student's Checkout, for 30 minutes; return the use.

    Raises:
        CouponInvalid: there is no such coupon.
        CouponExhausted: there is no use left.

    """
    coupon = _locked(session, coupon_id)
    numbers = room(session, coupon, student_id, at=at)
    held = {"status": CouponUseStatus.HELD.value, "held_until": at + HOLD_FOR, "created_at": at}
    return _add(session, coupon, student_id, numbers, held)


def settle(session: Session, use_id: int, student_package_id: int, *, at: datetime) -> None:
    """Say that what a Checkout held was paid, for a package; a second time it changes nothing.

    A hold that lapsed meanwhile counts if there is room.

    Raises:
        CouponExhausted: it lapsed, and others took what was left. Nothing is written; the caller decides.

    """
    use, coupon = _use(session, use_id)
    if use["status"] == CouponUseStatus.USED:
        return
    spent: dict[str, Any] = {"status": CouponUseStatus.USED.value, "held_until": None}
    if use["status"] == CouponUseStatus.RELEASED:
        numbers = room(session, coupon, use["student_id"], at=at)
        spent |= {"number": numbers.number, "student_number": numbers.student_number}
    update(session, CouponUse, [{"id": use_id, "student_package_id": student_package_id} | spent])


def release(session: Session, use_id: int) -> bool:
    """Give back what a Checkout held, and say whether it held it still; what was used stays used."""
    use, _ = _use(session, use_id)
    if use["status"] != CouponUseStatus.HELD:
        return False
    update(session, CouponUse, [{"id": use_id, "status": CouponUseStatus.RELEASED.value} | NOTHING])
    return True


def highest(session: Session, coupon: Coupon, *, at: datetime) -> Numbers:
    """Return the highest numbers in use of a locked coupon; 0 where there are none."""
    lapse(session, [coupon.id], at=at)
    statement = "SELECT max(number) AS number, max(student_number) AS own FROM coupon_uses WHERE coupon_id = %(coupon)s"
    (row,) = fetch(session, statement, coupon=coupon.id)
    return Numbers(row["number"] or 0, row["own"] or 0)


def _use(session: Session, use_id: int) -> tuple[dict[str, Any], Coupon]:
    """Return a use as it stands with its coupon locked."""
    (use,) = fetch(session, USE, id=use_id)
    coupon = _locked(session, use["coupon_id"])
    (use,) = fetch(session, USE, id=use_id)
    return use, coupon


def _locked(session: Session, coupon_id: int) -> Coupon:
    coupon = lock(session, [coupon_id]).get(coupon_id)
    if coupon is None:
        raise CouponInvalid("There is no coupon of this id.")
    return coupon


def _free_number(session: Session, coupon: Coupon) -> int | None:
    (last,) = fetch(session, LAST, coupon=coupon.id)
    following = (last["number"] or 0) + 1
    if following <= coupon.max_redemptions:
        return int(following)
    (gap,) = fetch(session, GAP, coupon=coupon.id, limit=coupon.max_redemptions)
    return None if gap["number"] is None else int(gap["number"])


def _add(session: Session, coupon: Coupon, student_id: int, numbers: Numbers, said: dict[str, Any]) -> int:
    row = {
        "organization_id": coupon.organization_id,
        "coupon_id": coupon.id,
        "student_id": student_id,
        "max_redemptions": coupon.max_redemptions,
        "max_redemptions_per_student": coupon.max_redemptions_per_student,
        "number": numbers.number,
        "student_number": numbers.student_number,
    }
    return int(insert(session, CouponUse, [row | said], returning="id")[0]["id"])
