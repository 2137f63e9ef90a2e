"""What a package costs and holds at the desk, with each kind of coupon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from db.models import Coupon, CouponType, DiscountType, ProductType, RedemptionType, ServiceType, ValidityStart
from domain.desk.pricing import price
from domain.errors import CouponInvalid
from domain.purchase.products import Allowance, CatalogProduct


def line(position: int = 0, credits: int = 10, service: ServiceType = ServiceType.GROUP) -> Allowance:
    return Allowance(position, service, 0, credits, 60, None)


def product(*lines: Allowance, **fields: Any) -> CatalogProduct:
    values: dict[str, Any] = {
        "id": 1,
        "organization_id": 1,
        "timezone": "UTC",
        "code": "CORE-10",
        "name": "Core 10",
        "product_type": ProductType.PACKAGE,
        "price": 800_000,
        "currency": "TRY",
        "validity_days": 90,
        "validity_starts": ValidityStart.PURCHASE,
        "bundle_description": "Ten rides",
        "all_access_days": None,
        "all_access_services": ["GROUP"],
        "all_access_daily_limit": 1,
        "friend_pass_days": None,
        "elite_badge": False,
        "draft_service_type": None,
        "draft_minutes": None,
        "draft_teacher_tier": None,
    }
    return CatalogProduct(**values | fields, allowances=lines or (line(),))


def discount(value: int, kind: DiscountType = DiscountType.PERCENTAGE) -> Coupon:
    return Coupon(code="LESS", coupon_type=CouponType.DISCOUNT, discount_type=kind, discount_value=value)


def package(**fields: Any) -> Coupon:
    return Coupon(code="ANOTHER", coupon_type=CouponType.PACKAGE, **fields)


def bonus(credits: int) -> Coupon:
    return Coupon(code="MORE", coupon_type=CouponType.CREDIT_BONUS, bonus_credits=credits)


def test_without_a_coupon_a_package_costs_its_price() -> None:
    deal = price(product(), None)

    assert (deal.redemption_type, deal.paid, deal.sessions, deal.bonus) == (
        RedemptionType.PACKAGE_DIRECT,
        800_000,
        10,
        0,
    )


@pytest.mark.parametrize(
    ("list_price", "percent", "paid"),
    [(800_000, 10, 720_000), (800_000, 100, 0), (199, 50, 99), (1, 50, 0), (1, 49, 1), (333, 33, 223), (0, 10, 0)],
)
def test_a_percentage_is_taken_off_rounded_half_up(list_price: int, percent: int, paid: int) -> None:
    assert price(product(price=list_price), discount(percent)).paid == paid


@pytest.mark.parametrize(("value", "paid"), [(1, 799_999), (800_000, 0), (900_000, 0)])
def test_a_fixed_amount_is_taken_off_as_far_as_there_is_something(value: int, paid: int) -> None:
    deal = price(product(), discount(value, DiscountType.FIXED_AMOUNT))

    assert (deal.redemption_type, deal.paid, deal.sessions) == (RedemptionType.COUPON_DISCOUNT, paid, 10)


@pytest.mark.parametrize(
    ("said", "paid", "credits", "words"),
    [
        ({}, 800_000, 10, "Ten rides"),
        ({"custom_price": 0}, 0, 10, "Ten rides"),
        ({"custom_price": 900_000, "custom_credits": 12}, 900_000, 12, None),
        ({"custom_credits": 3}, 800_000, 3, None),
    ],
)
def test_a_package_coupon_says_its_own_price_and_credits(
    said: dict[str, int], paid: int, credits: int, words: str | None
) -> None:
    deal = price(product(), package(**said))

    assert (deal.redemption_type, deal.paid, deal.sessions) == (RedemptionType.COUPON_PACKAGE, paid, credits)
    # What the studio wrote of ten rides is not told of twelve.
    assert deal.product.bundle_description == words


def test_a_bonus_comes_on_top_for_the_same_price() -> None:
    deal = price(product(bundle_description=None), bonus(2))

    assert (deal.redemption_type, deal.paid, deal.sessions, deal.bonus) == (RedemptionType.COUPON_BONUS, 800_000, 12, 2)
    assert deal.product.bundle_description == "10 Group (60 min) + 2 bonus"
    assert deal.product.sessions == 10


@pytest.mark.parametrize("coupon", [bonus(2), package(custom_credits=3)])
@pytest.mark.parametrize("lines", [(line(), line(1, 5, ServiceType.PRIVATE)), ()])
def test_credits_need_one_line_to_be_put_on(coupon: Coupon, lines: tuple[Allowance, ...]) -> None:
    sold = replace(product(all_access_days=30), allowances=lines)

    with pytest.raises(CouponInvalid):
        price(sold, coupon)


def test_a_bundle_may_be_cheaper() -> None:
    assert price(product(line(), line(1, 5, ServiceType.PRIVATE)), discount(25)).paid == 600_000
