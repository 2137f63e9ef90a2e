"""Coupons: codes that make a package cheaper, another, or larger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from db.models import CouponType, DiscountType
from domain.catalog.fields import Money, Name
from domain.desk.coupon_terms import MAX_CODE, MAX_PACKAGES, CouponCode, Credits, Discount, Limit
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, optional
from webhook_gateway.schema.booking import Flag, Id
from webhook_gateway.schema.change import Change, kept
from webhook_gateway.schema.moment import Minute

VALUE = "Percent, or minor units of the package's currency"
CUSTOM = "Instead of the package's own; for packages with one kind of credits"
APPLIES = "None is all packages"


class CouponRequest(Input):
    """A new coupon. What a type has no use for is left out."""

    code: CouponCode = Field(description="Written in capitals, whatever is sent; it stays")
    name: Name
    coupon_type: CouponType
    discount_type: DiscountType | None = None
    discount_value: Discount | None = Field(default=None, description=VALUE)
    package_id: Id | None = Field(default=None, description="Of a PACKAGE coupon")
    custom_price: Money | None = Field(default=None, description="Instead of the package's own")
    custom_credits: Credits | None = Field(default=None, description=CUSTOM)
    bonus_credits: Credits | None = Field(default=None, description="On top; for packages with one kind of credits")
    applicable_package_ids: list[Id] | None = Field(default=None, max_length=MAX_PACKAGES, description=APPLIES)
    valid_from: Minute | None = None
    valid_until: Minute | None = Field(default=None, description="It is over then")
    max_redemptions: Limit | None = Field(default=None, description="In all; none unless named")
    max_redemptions_per_member: Limit = 1
    is_active: Flag = True

    def terms(self) -> dict[str, Any]:
        """Return what it says, as the rules call it."""
        return _terms(self.model_dump(exclude={"code"}))


class CouponChange(Change):
    """What is to be different; what is left out stays, and null takes away what need not be there."""

    name: Name = kept()
    discount_type: DiscountType | None = None
    discount_value: Discount | None = Field(default=None, description=VALUE)
    package_id: Id | None = None
    custom_price: Money | None = None
    custom_credits: Credits | None = None
    bonus_credits: Credits | None = None
    applicable_package_ids: list[Id] | None = Field(default=None, max_length=MAX_PACKAGES, description=APPLIES)
    valid_from: Minute | None = None
    valid_until: Minute | None = None
    max_redemptions: Limit | None = Field(default=None, description="As many as were used, or more; null is no limit")
    max_redemptions_per_member: Limit = kept()
    is_active: Flag = kept()

    def terms(self) -> dict[str, Any]:
        """Return what it says, as the rules call it."""
        return _terms(self.model_dump(exclude_unset=True))


def _terms(said: dict[str, Any]) -> dict[str, Any]:
    packages = said.get("applicable_package_ids", ())
    return said | ({"applicable_package_ids": tuple(packages or ())} if packages != () else {})


class CouponPath(Input):
    """Which coupon."""

    coupon_id: int = Field(ge=1, le=MAX_ID, alias="coupon_id")


class CouponCodePath(Input):
    """Which coupon, by its code, in capitals or not."""

    code: str = Field(max_length=MAX_CODE)


class CouponTerms(Output):
    """What a coupon says. Money in minor units."""

    code: str
    name: str
    coupon_type: CouponType
    discount_type: DiscountType | None = optional()
    discount_value: int | None = optional(VALUE)
    package_id: int | None = optional("Of a PACKAGE coupon")
    custom_price: int | None = optional("Instead of the package's own")
    custom_credits: int | None = optional("Instead of the package's own")
    bonus_credits: int | None = optional("On top")
    applicable_package_ids: list[int] = Field(exclude_if=lambda value: not value, description="Left out, it is for all")
    valid_from: datetime | None = optional()
    valid_until: datetime | None = optional("It is over then")
    max_redemptions_per_member: int
    is_active: bool


class Coupon(CouponTerms):
    """A coupon as its studio sees it."""

    id: int
    max_redemptions: int | None = optional("In all; none where it is left out")
    redemptions: int = Field(description="How often it was redeemed")
    created_at: datetime


class CouponPage(Page[Coupon]):
    """A page of coupons, as they were made."""


class CouponUnusable(Output):
    """Why a coupon cannot be used now."""

    code: str = Field(description="As in a problem; /docs/problems lists them")
    detail: str = Field(description="What to do about it")


class KnownCoupon(CouponTerms):
    """A coupon as whoever has its code sees it: how often others used it is not shown to students."""

    max_redemptions: int | None = optional("For staff")
    redemptions: int | None = optional("For staff")
    unusable: CouponUnusable | None = optional("Why it cannot be used now; left out where it can")
