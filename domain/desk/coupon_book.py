"""An organization's coupons: listed, made, changed, and taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from db.models import Coupon, CouponUse, CouponUseStatus, Product, ProductType
from domain.constraint import told
from domain.desk import coupon_use
from domain.desk.coupon_terms import Terms, check, columns, terms_of
from domain.errors import InvalidField, NotFound
from domain.listing import Part, oldest_first

# What decides for which packages a coupon can be.
PACKAGES = {"package_id", "applicable_package_ids", "custom_credits", "bonus_credits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponView(Terms):
    """A coupon with how often it was redeemed; what Checkouts hold does not count."""

    id: int
    code: str
    redemptions: int
    created_at: datetime


def coupons(session: Session, organization_id: int, part: Part) -> list[CouponView]:
    """Return an organization's coupons, as they were made."""
    own = select(Coupon).where(Coupon.organization_id == organization_id, Coupon.deleted_at.is_(None))
    rows = session.scalars(oldest_first(own.options(selectinload(Coupon.products)), Coupon.id, part)).all()
    return views(session, rows)


def views(session: Session, rows: Sequence[Coupon]) -> list[CouponView]:
    """Return coupons as they are shown."""
    used = (
        select(CouponUse.coupon_id, func.count())
        .where(CouponUse.coupon_id.in_([row.id for row in rows]), CouponUse.status == CouponUseStatus.USED)
        .group_by(CouponUse.coupon_id)
    )
    counts = dict(session.execute(used).tuples().all())
    return [_view(row, counts.get(row.id, 0)) for row in rows]


def _view(row: Coupon, redemptions: int) -> CouponView:
    terms = terms_of(row)
    said = {each.name: getattr(terms, each.name) for each in fields(Terms)}
    return CouponView(**said, id=row.id, code=row.code, redemptions=redemptions, created_at=row.created_at)


def one(session: Session, organization_id: int, coupon_id: int, *, for_update: bool = False) -> Coupon:
    """Return a coupon; locked against everybody who gives numbers, if it is to be changed.

    Raises:
        NotFound: the organization has none of that id.

    """
    own = select(Coupon).where(
        Coupon.id == coupon_id, Coupon.organization_id == organization_id, Coupon.deleted_at.is_(None)
    )
    found = session.scalar(own.with_for_update() if for_update else own)
    if found is None:
        raise NotFound("There is no coupon of this id.")
    return found


def create(session: Session, organization_id: int, code: str, terms: Terms, *, at: datetime) -> Coupon:
    """Make a coupon.

    Raises:
        InvalidField: what it says is impossible, or another coupon has its code.

    """
    coupon = Coupon(organization_id=organization_id, code=code, created_at=at, products=[])
    with told(session, {"uq_coupons_code": InvalidField("code", "Choose another code: a coupon has this one.")}):
        put(session, coupon, terms, at=at)
        session.add(coupon)
    return coupon


def change(
    session: Session, organization_id: int, coupon_id: int, values: Mapping[str, Any], *, at: datetime
) -> Coupon:
    """Change what is named of a coupon's terms; what was sold with it stays as it is.

    Raises:
        NotFound: the organization has no such coupon.
        InvalidField: what it would say is impossible, or a limit is below what was used.

    """
    coupon = one(session, organization_id, coupon_id, for_update=True)
    put(session, coupon, replace(terms_of(coupon), **values), at=at, names_packages=bool(PACKAGES & values.keys()))
    session.flush()
    return coupon


def remove(session: Session, organization_id: int, coupon_id: int, *, at: datetime) -> Coupon:
    """Take a coupon away: nobody finds it any more, and its code is free; what was sold with it names it still.

    Raises:
        NotFound: the organization has no such coupon.

    """
    coupon = one(session, organization_id, coupon_id, for_update=True)
    coupon.deleted_at, coupon.active = at, False
    session.flush()
    return coupon


def put(session: Session, coupon: Coupon, terms: Terms, *, at: datetime, names_packages: bool = True) -> bool:
    """Let a coupon, locked if it is not new, say something; return whether it said something else before.

    Where it names no packages it is for what it was for, whatever became of that.

    Raises:
        InvalidField: as `create` and `change`.

    """
    check(terms)
    products = _packages(session, coupon.organization_id, terms) if names_packages else coupon.products
    wanted = columns(terms)
    if coupon.id is not None:
        _check_limits(session, coupon, terms, at=at)
    different = {key: value for key, value in wanted.items() if getattr(coupon, key) != value}
    for key, value in different.items():
        setattr(coupon, key, value)
    if {product.id for product in coupon.products} == {product.id for product in products}:
        return bool(different)
    coupon.products = products
    return True


def _packages(session: Session, organization_id: int, terms: Terms) -> list[Product]:
    """Return what a coupon applies to, and see that all that it names is there."""
    own = {terms.package_id} - {None}
    named = select(Product).where(
        Product.organization_id == organization_id,
        Product.id.in_(own | set(terms.applicable_package_ids)),
        Product.product_type == ProductType.PACKAGE,
        Product.deleted_at.is_(None),
    )
    found = {row.id: row for row in session.scalars(named.options(selectinload(Product.allowances)))}
    for field, ids in (("package_id", own), ("applicable_package_ids", terms.applicable_package_ids)):
        for each in ids:
            _check_package(field, found.get(each or 0), terms)
    return [found[each] for each in sorted(set(terms.applicable_package_ids))]


def _check_package(field: str, product: Product | None, terms: Terms) -> None:
    if product is None:
        raise InvalidField(field, "Name packages that are there: GET /api/packages lists them.")
    if terms.gives_credits and len(product.allowances) != 1:
        message = f"Name packages with one kind of credits: {product.code} has not exactly one to put credits on."
        raise InvalidField(field, message)


def _check_limits(session: Session, coupon: Coupon, terms: Terms, *, at: datetime) -> None:
    """Refuse limits below the numbers in use, which the database would refuse."""
    lowest = coupon_use.highest(session, coupon, at=at)
    limits = (
        ("max_redemptions", terms.max_redemptions, lowest.number),
        ("max_redemptions_per_member", terms.max_redemptions_per_member, lowest.student_number),
    )
    for field, limit, least in limits:
        if limit is not None and limit < least:
            raise InvalidField(field, f"Name {least} or more: the coupon was used so often.")
