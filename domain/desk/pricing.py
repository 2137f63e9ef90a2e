"""What a package costs and holds at the desk, as it is on sale or with a coupon: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from db.models import Coupon, CouponType, DiscountType, RedemptionType
from domain.catalog.bundle import describe
from domain.errors import CouponInvalid
from domain.money import share
from domain.purchase.products import CatalogProduct

TYPES = {
    CouponType.DISCOUNT: RedemptionType.COUPON_DISCOUNT,
    CouponType.PACKAGE: RedemptionType.COUPON_PACKAGE,
    CouponType.CREDIT_BONUS: RedemptionType.COUPON_BONUS,
}


@dataclass(frozen=True, slots=True)
class Deal:
    """A package as it is handed over: the product with what a coupon made of it, its price, credits on top.

    Money in minor units of the product's currency; the product keeps the price that it is on sale for.
    """

    product: CatalogProduct
    redemption_type: RedemptionType
    paid: int
    bonus: int = 0

    @property
    def sessions(self) -> int:
        """How many credits it holds, those on top included."""
        return self.product.sessions + self.bonus


def price(product: CatalogProduct, coupon: Coupon | None) -> Deal:
    """Return what a product costs and holds with a coupon, or without one.

    Raises:
        CouponInvalid: credits of the coupon's own, for a product that has not exactly one line to put them on.

    """
    if coupon is None:
        return Deal(product, RedemptionType.PACKAGE_DIRECT, product.price)
    _check_lines(product, coupon)
    bonus = coupon.bonus_credits or 0
    held = _described(_with_credits(product, coupon.custom_credits), bonus)
    return Deal(held, TYPES[coupon.coupon_type], _paid(product.price, coupon), bonus)


def _paid(list_price: int, coupon: Coupon) -> int:
    if coupon.custom_price is not None:
        return coupon.custom_price
    value = coupon.discount_value or 0
    if coupon.discount_type is DiscountType.PERCENTAGE:
        return list_price - share(list_price * value, 100)
    return max(list_price - value, 0)


def _check_lines(product: CatalogProduct, coupon: Coupon) -> None:
    """Refuse credits where it is not clear of which kind they would be."""
    if (coupon.custom_credits or coupon.bonus_credits) and len(product.allowances) != 1:
        raise CouponInvalid(
            f"{coupon.code} gives credits, and {product.name} has not exactly one kind of them: choose another package."
        )


def _with_credits(product: CatalogProduct, credits: int | None) -> CatalogProduct:  # noqa: A002 - the column's name
    """Return a product with another number of credits on its one line, and the words for it."""
    if credits is None:
        return product
    (line,) = product.allowances
    return replace(product, allowances=(replace(line, credits=credits),), bundle_description=None)


def _described(product: CatalogProduct, bonus: int) -> CatalogProduct:
    if not bonus:
        return product
    words = product.bundle_description or describe(product.allowances, all_access_days=product.all_access_days)
    return replace(product, bundle_description=f"{words} + {bonus} bonus")
