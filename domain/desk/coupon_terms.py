"""What a coupon says, and whether it makes sense: the same rules for a file and for a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from db.models import UNLIMITED, Coupon, CouponType, DiscountType
from domain.catalog.fields import MAX_CREDITS, MAX_PRICE
from domain.errors import InvalidField

MAX_CODE = 64
# A percentage: more would pay the student.
WHOLE = 100
# What a coupon may apply to at the most.
MAX_PACKAGES = 200

CouponCode = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_CODE, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    AfterValidator(str.upper),
]
Credits = Annotated[int, Field(gt=0, le=MAX_CREDITS, strict=True)]
Discount = Annotated[int, Field(gt=0, le=MAX_PRICE, strict=True)]
Limit = Annotated[int, Field(gt=0, le=UNLIMITED, strict=True)]

# Of each type, the fields that are its own.
OWN = {
    CouponType.DISCOUNT: ("discount_type", "discount_value"),
    CouponType.PACKAGE: ("package_id", "custom_price", "custom_credits"),
    CouponType.CREDIT_BONUS: ("bonus_credits",),
}
NEEDED = {
    CouponType.DISCOUNT: ("discount_type", "discount_value"),
    CouponType.PACKAGE: ("package_id",),
    CouponType.CREDIT_BONUS: ("bonus_credits",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """All that a coupon says but its code. Money in minor units; no limit in all is None, no packages are all.

    Valid in [valid_from, valid_until).
    """

    name: str
    coupon_type: CouponType
    discount_type: DiscountType | None = None
    discount_value: int | None = None
    package_id: int | None = None
    custom_price: int | None = None
    custom_credits: int | None = None
    bonus_credits: int | None = None
    applicable_package_ids: tuple[int, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    max_redemptions: int | None = None
    max_redemptions_per_member: int = 1
    is_active: bool = True

    @property
    def gives_credits(self) -> bool:
        """Whether it says how many credits there are, and needs a package of one line for that."""
        return bool(self.custom_credits or self.bonus_credits)


def terms_of(coupon: Coupon) -> Terms:
    """Return what a coupon says."""
    return Terms(
        name=coupon.name,
        coupon_type=coupon.coupon_type,
        discount_type=coupon.discount_type,
        discount_value=coupon.discount_value,
        package_id=coupon.product_id,
        custom_price=coupon.custom_price,
        custom_credits=coupon.custom_credits,
        bonus_credits=coupon.bonus_credits,
        applicable_package_ids=tuple(product.id for product in coupon.products),
        valid_from=coupon.valid_from,
        valid_until=coupon.valid_until,
        max_redemptions=None if coupon.max_redemptions == UNLIMITED else coupon.max_redemptions,
        max_redemptions_per_member=coupon.max_redemptions_per_student,
        is_active=coupon.active,
    )


def columns(terms: Terms) -> dict[str, object]:
    """Return the columns of a coupon that says so; what it applies to stands beside it."""
    return {
        "name": terms.name,
        "coupon_type": terms.coupon_type,
        "discount_type": terms.discount_type,
        "discount_value": terms.discount_value,
        "product_id": terms.package_id,
        "custom_price": terms.custom_price,
        "custom_credits": terms.custom_credits,
        "bonus_credits": terms.bonus_credits,
        "valid_from": terms.valid_from,
        "valid_until": terms.valid_until,
        "max_redemptions": UNLIMITED if terms.max_redemptions is None else terms.max_redemptions,
        "max_redemptions_per_student": terms.max_redemptions_per_member,
        "active": terms.is_active,
    }


def check(terms: Terms) -> None:
    """Refuse terms that contradict each other.

    Raises:
        InvalidField: the first field at fault.

    """
    kind = terms.coupon_type
    for field in NEEDED[kind]:
        if getattr(terms, field) is None:
            raise InvalidField(field, f"Say it: a coupon of the type {kind} needs it.")
    foreign = [field for other, fields in OWN.items() if other is not kind for field in fields]
    for field in foreign:
        if getattr(terms, field) is not None:
            raise InvalidField(field, f"Leave it out: a coupon of the type {kind} has none.")
    if terms.discount_type is DiscountType.PERCENTAGE and (terms.discount_value or 0) > WHOLE:
        raise InvalidField("discount_value", f"Name {WHOLE} percent or less.")
    if terms.package_id is not None and terms.applicable_package_ids:
        raise InvalidField("applicable_package_ids", f"Leave it out: a coupon of the type {kind} names its package.")
    if terms.valid_from and terms.valid_until and terms.valid_from >= terms.valid_until:
        raise InvalidField("valid_until", "Let it end after it begins.")
