"""Coupons in a catalog's document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Coupon, CouponType, DiscountType, Organization, Product, ProductType
from domain.catalog.changes import Changes
from domain.catalog.fields import Code, Moment, Money, Name, Part
from domain.desk.coupon_book import put
from domain.desk.coupon_terms import MAX_PACKAGES, CouponCode, Credits, Discount, Limit, Terms
from domain.errors import InvalidCatalog, InvalidField
from domain.localtime import instant

# What a document calls otherwise than a request does: it names packages by their codes.
NAMES = {"package_id": "package", "applicable_package_ids": "applicable_packages", "is_active": "active"}


class CouponEntry(Part):
    """A code that makes a package cheaper, another, or larger. Money in minor units of the package's currency.

    A time without an offset is the organization's local time; no limit in all unless one is named.
    """

    code: CouponCode
    name: Name
    coupon_type: CouponType
    discount_type: DiscountType | None = None
    discount_value: Discount | None = None
    package: Code | None = None
    custom_price: Money | None = None
    custom_credits: Credits | None = None
    bonus_credits: Credits | None = None
    applicable_packages: Annotated[tuple[Code, ...], Field(max_length=MAX_PACKAGES)] = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    max_redemptions: Limit | None = None
    max_redemptions_per_member: Limit = 1
    active: bool = True


def apply(
    session: Session, organization: Organization, entries: tuple[CouponEntry, ...], changes: Changes, *, at: datetime
) -> None:
    """Create and update the coupons that a document names; others are left alone, and one that was deleted is back.

    Raises:
        InvalidCatalog: the field, and why it is impossible.

    """
    if not entries:
        return
    packages, standing = _packages(session, organization), _standing(session, organization, entries)
    for place, entry in enumerate(entries):
        found = standing.get(entry.code)
        coupon = found or Coupon(organization_id=organization.id, code=entry.code, created_at=at, products=[])
        try:
            is_different = put(session, coupon, _terms(entry, packages, organization), at=at)
        except InvalidField as error:
            field = NAMES.get(error.field, error.field)
            raise InvalidCatalog(f"{organization.slug}.coupons.{place}.{field}: {error}") from error
        is_back = coupon.deleted_at is not None
        coupon.deleted_at = None
        if found is None or is_different or is_back:
            changes.note(f"{organization.slug}/coupons/{entry.code}", is_new=found is None)
        session.add(coupon)
        session.flush()


def _packages(session: Session, organization: Organization) -> dict[str, int]:
    """Return the organization's packages by their codes."""
    own = select(Product.code, Product.id).where(
        Product.organization_id == organization.id, Product.product_type == ProductType.PACKAGE
    )
    return dict(session.execute(own).tuples().all())


def _standing(session: Session, organization: Organization, entries: tuple[CouponEntry, ...]) -> dict[str, Coupon]:
    """Return what stands of the coupons that are named, locked; of those that share a code the last that was made."""
    named = select(Coupon).where(
        Coupon.organization_id == organization.id, Coupon.code.in_([entry.code for entry in entries])
    )
    return {row.code: row for row in session.scalars(named.order_by(Coupon.id).with_for_update())}


def _terms(entry: CouponEntry, packages: Mapping[str, int], organization: Organization) -> Terms:
    return Terms(
        name=entry.name,
        coupon_type=entry.coupon_type,
        discount_type=entry.discount_type,
        discount_value=entry.discount_value,
        # A code that nothing has becomes an id that nothing has.
        package_id=packages.get(entry.package, 0) if entry.package else None,
        custom_price=entry.custom_price,
        custom_credits=entry.custom_credits,
        bonus_credits=entry.bonus_credits,
        applicable_package_ids=tuple(packages.get(code, 0) for code in entry.applicable_packages),
        valid_from=_instant("valid_from", entry.valid_from, organization),
        valid_until=_instant("valid_until", entry.valid_until, organization),
        max_redemptions=entry.max_redemptions,
        max_redemptions_per_member=entry.max_redemptions_per_member,
        is_active=entry.active,
    )


def _instant(field: str, moment: datetime | None, organization: Organization) -> datetime | None:
    try:
        return instant(moment, organization.timezone) if moment else None
    except ValueError as error:
        raise InvalidField(field, str(error)) from error
