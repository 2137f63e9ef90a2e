"""What a coupon makes of a purchase that our own Checkout began: a price, credits on top; and the use it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Coupon, CouponType, CouponUse, CouponUseStatus, PaymentStatus, ReviewKind
from db.transaction import fetch
from domain.desk import coupon_batch, coupon_use
from domain.desk.pricing import price
from domain.errors import CouponInvalid
from domain.purchase.grant_rows import Placed
from domain.purchase.payment import Purchase
from domain.purchase.recognition import CouponDeal, SaleLine
from domain.purchase.standing import Key
from domain.refund.notes import note

# What will not be paid any more gives its use back.
GIVEN_UP = frozenset({PaymentStatus.FAILED, PaymentStatus.EXPIRED})
OF_ORDERS = """
SELECT DISTINCT coupon_id FROM student_packages WHERE order_id = ANY(%(orders)s) AND coupon_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class HeldCoupon:
    """A use of a coupon that a Checkout holds, or held."""

    use: CouponUse
    coupon: Coupon


Uses = Mapping[Key, HeldCoupon]


def read_uses(session: Session, purchases: Mapping[Key, Purchase]) -> Uses:
    """Return the uses of coupons that purchases name, of their own organizations."""
    named = {key: each.coupon_use for key, each in purchases.items() if each.coupon_use}
    if not named:
        return {}
    wanted = select(CouponUse, Coupon).join(Coupon, Coupon.id == CouponUse.coupon_id)
    rows = session.execute(wanted.where(CouponUse.id.in_(named.values()))).all()
    found = {use.id: HeldCoupon(use, coupon) for use, coupon in rows}
    held = {key: found[use] for key, use in named.items() if use in found}
    return {key: each for key, each in held.items() if each.use.organization_id == key[0]}


def with_coupon(lines: Sequence[SaleLine], held: HeldCoupon | None) -> list[SaleLine]:
    """Return what was sold as a coupon makes it; one that is not for it makes nothing of it."""
    if held is None or len(lines) != 1 or lines[0].quantity != 1 or not _is_for(held.coupon, lines[0]):
        return list(lines)
    product = lines[0].product
    try:
        deal = price(product, held.coupon)
    except CouponInvalid:
        return list(lines)
    made = CouponDeal(held.use.id, held.coupon.id, deal.redemption_type, deal.bonus, max(product.price - deal.paid, 0))
    return [replace(lines[0], product=deal.product, deal=made)]


def _is_for(coupon: Coupon, line: SaleLine) -> bool:
    if coupon.coupon_type is CouponType.PACKAGE:
        return coupon.product_id == line.product.id
    return not coupon.products or line.product.id in {product.id for product in coupon.products}


def lock(session: Session, uses: Uses, orders: Collection[int]) -> None:
    """Lock the coupons of uses, and those with which orders were bought: after their students, before cohorts."""
    coupons = {held.coupon.id for held in uses.values()}
    if orders:
        coupons |= {row["coupon_id"] for row in fetch(session, OF_ORDERS, orders=list(orders))}
    if coupons:
        coupon_use.lock(session, coupons)


def settle(session: Session, placed: Iterable[Placed], *, at: datetime) -> None:
    """Say that what Checkouts held was used, for the packages that came of it; students and coupons are held.

    One whose use lapsed while it was paid, and was taken by others, is left to staff: the payment is a fact.
    """
    used = {each.grant.coupon_use: each for each in placed if each.grant.coupon_use is not None}
    if not used:
        return
    left = coupon_batch.settle_all(session, {use: each.package_id for use, each in used.items()}, at=at)
    note(session, [(used[use].order_id, ReviewKind.COUPON_EXHAUSTED, f"coupon_use:{use}") for use in left], at=at)


def release(session: Session, purchases: Mapping[Key, Purchase], uses: Uses) -> None:
    """Give back what Checkouts held that will not be paid; what is paid after all takes it again, if it can."""
    given_up = [uses[key].use for key, each in purchases.items() if key in uses and each.status in GIVEN_UP]
    held = {use.id: use.coupon_id for use in given_up if use.status is CouponUseStatus.HELD}
    if held:
        # Held already where students were; nothing is locked after it in this transaction.
        coupon_use.lock(session, set(held.values()))
        coupon_batch.release_all(session, held)
