"""Coupons at use: found by their code, and judged for what they are to be used for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.models import Coupon, CouponType, Product, ProductType
from domain.desk import coupon_use
from domain.errors import CouponInvalid, InvalidField, Refusal

# Enough to choose from in a sentence.
MOST_NAMED = 10


def written(code: str) -> str:
    """Return a code as it is stored: in capitals, however somebody types it."""
    return code.strip().upper()


def find(session: Session, organization_id: int, code: str) -> Coupon | None:
    """Return the coupon of a code; None where an organization has none, or deleted it."""
    return session.scalar(select(Coupon).where(*_named(organization_id, code)))


def _named(organization_id: int, code: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Coupon.organization_id == organization_id,
        Coupon.code == written(code),
        Coupon.deleted_at.is_(None),
    )


def held(session: Session, organization_id: int, code: str, *, at: datetime) -> Coupon:
    """Return the coupon of a code, locked and valid at an instant.

    Raises:
        CouponInvalid: there is none, or it is switched off or outside its days.

    """
    found = find(session, organization_id, code)
    locked = coupon_use.lock(session, [found.id]).get(found.id) if found else None
    # Deleted while we waited for it.
    if locked is None or locked.deleted_at is not None:
        raise CouponInvalid(f"There is no coupon {written(code)}: check the code, or leave it out.")
    check(locked, at=at)
    return locked


def check(coupon: Coupon, *, at: datetime) -> None:
    """Refuse a coupon that is not valid at an instant.

    Raises:
        CouponInvalid: it is switched off, or outside its days.

    """
    if not coupon.active:
        raise CouponInvalid(f"Choose another coupon: {coupon.code} is switched off.")
    if coupon.valid_from and at < coupon.valid_from:
        raise CouponInvalid(f"Wait, or choose another coupon: {coupon.code} is not valid yet.")
    if coupon.valid_until and coupon.valid_until <= at:
        raise CouponInvalid(f"Choose another coupon: {coupon.code} is over.")


def unusable(session: Session, coupon: Coupon, student_id: int | None, *, at: datetime) -> Refusal | None:
    """Return why a coupon cannot be used now, by a student if one is named; None if it can. Reads only."""
    try:
        check(coupon, at=at)
        coupon_use.check_room(session, coupon, student_id, at=at)
        package_of(session, coupon, None)
    except InvalidField:
        # It is for several packages, and whoever uses it names one.
        return None
    except Refusal as refusal:
        return refusal
    return None


def package_of(session: Session, coupon: Coupon, package_id: int | None) -> int:
    """Return the product that a coupon is used for: its own, the one that is named, else the only one it applies to.

    Raises:
        CouponInvalid: the coupon is not for the package that is named, or for none on sale.
        InvalidField: it applies to several, and none is named.

    """
    if coupon.coupon_type is CouponType.PACKAGE:
        return _its_own(coupon, package_id)
    if package_id is None:
        return _only_one(session, coupon)
    if coupon.products and package_id not in {product.id for product in coupon.products}:
        raise CouponInvalid(f"{coupon.code} is not for this package: it is for {_list(coupon.products)}.")
    return package_id


def _its_own(coupon: Coupon, package_id: int | None) -> int:
    product = coupon.product
    assert product  # noqa: S101 - the database insists on it
    if package_id not in {None, product.id}:
        raise CouponInvalid(f"{coupon.code} is for {product.code}: leave `packageId` out, or choose another coupon.")
    if not (product.active and product.deleted_at is None):
        raise CouponInvalid(f"Choose another coupon: {coupon.code} is for {product.code}, which is not on sale.")
    return product.id


def _only_one(session: Session, coupon: Coupon) -> int:
    on_sale = select(Product).where(
        Product.organization_id == coupon.organization_id,
        Product.product_type == ProductType.PACKAGE,
        Product.active,
        Product.deleted_at.is_(None),
    )
    if coupon.products:
        on_sale = on_sale.where(Product.id.in_([product.id for product in coupon.products]))
    found = session.scalars(on_sale.order_by(Product.id).limit(MOST_NAMED + 1)).all()
    if not found:
        raise CouponInvalid(f"Choose another coupon: nothing that {coupon.code} is for is on sale.")
    if len(found) > 1:
        raise InvalidField("package_id", f"Name the package: {coupon.code} is for {_list(found)}.")
    return found[0].id


def _list(products: Sequence[Product]) -> str:
    codes = [product.code for product in products]
    more = [f"{len(codes) - MOST_NAMED} more"] if len(codes) > MOST_NAMED else []
    *others, last = codes[:MOST_NAMED] + more
    return f"{', '.join(others)} or {last}" if others else last
