"""Redeem a package at the desk: the path of a purchase without Stripe, with a coupon if there is one.

The journey of a command: the student is found or made, and locked; then the coupon; the package is chosen, `price`
says in plain Python what it costs and holds, the coupon is used, and `sale` grants and writes the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import Coupon
from domain.desk import coupon as coupons
from domain.desk import coupon_use, member
from domain.desk.pricing import price
from domain.desk.redeem_command import REDEEM, Redeem, read
from domain.desk.redemption_view import one
from domain.desk.sale import Handover, hand_over
from domain.desk.shape import shown
from domain.errors import CouponInvalid, InvalidField, NotFound, Refusal
from domain.family import Answer, Family, Job, Result, check_begun
from domain.money import written
from domain.purchase.products import CatalogProduct, package_on_sale


def redeem(session: Session, command: Redeem, *, at: datetime) -> Result:
    """Hand a package over to a student; return the redemption as its job's result.

    Raises:
        TooLate: it was not begun in time.
        NotFound: no such student, or no such package on sale.
        InvalidField: neither a package nor a coupon that names one.
        CouponInvalid: the coupon is not for this, or a student would have to pay.
        CouponExhausted: the coupon has no use left.

    """
    check_begun(command.due_at, at=at)
    holder = member.held(session, command, at=at)
    coupon = _coupon(session, command, at=at)
    product = _product(session, command, coupon)
    use = coupon_use.take(session, coupon, holder.id, at=at) if coupon else None
    deal = price(product, coupon)
    if command.by_student and deal.paid:
        cost = written(deal.paid, product.currency)
        raise CouponInvalid(f"Pay at the desk: with this coupon {product.name} costs {cost}.")
    handover = Handover(deal, holder, command.caller, coupon.id if coupon else None, command.notes)
    package = hand_over(session, handover, at=at)
    if use:
        coupon_use.name_package(session, use, package)
    return {"redemption": shown(one(session, command.organization_id, package, at=at))}


def _coupon(session: Session, command: Redeem, *, at: datetime) -> Coupon | None:
    if command.coupon_code is None:
        return None
    return coupons.held(session, command.organization_id, command.coupon_code, at=at)


def _product(session: Session, command: Redeem, coupon: Coupon | None) -> CatalogProduct:
    """Return the package that is redeemed."""
    package_id = _package_of(session, command, coupon) if coupon else command.package_id
    if package_id is None:
        raise InvalidField("package_id", "Name a package, or a coupon that is for one.")
    product = package_on_sale(session, command.organization_id, package_id)
    if product is None:
        raise NotFound("There is no package of this id on sale: GET /api/packages lists them.")
    return product


def _package_of(session: Session, command: Redeem, coupon: Coupon) -> int:
    try:
        return coupons.package_of(session, coupon, command.package_id)
    except InvalidField as unnamed:
        if command.by_student:
            # A student names a coupon and nothing else.
            raise CouponInvalid(f"Ask at the desk: {coupon.code} is for a package of your choice.") from unnamed
        raise


def _act(session: Session, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    return {job["id"]: _answer(session, read(job), at=at) for job in jobs}


def _answer(session: Session, command: Redeem, *, at: datetime) -> Answer:
    """Redeem, or leave nothing behind: a student who was made for it neither."""
    try:
        with session.begin_nested():
            return redeem(session, command, at=at)
    except Refusal as refusal:
        return refusal


# One at a time: a coupon is locked by its code, after the student.
REDEMPTION = Family((REDEEM,), _act, alone=True)
