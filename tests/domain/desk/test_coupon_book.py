"""Coupons made and changed: limits that may not be lowered, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import CouponType, DiscountType
from db.transaction import transaction
from domain.desk import coupon_book
from domain.desk.coupon_terms import Terms, check
from domain.errors import InvalidField
from tests.timetable import Timetable
from worker import clock

TENTH: dict[str, Any] = {"discount_type": DiscountType.PERCENTAGE, "discount_value": 10}


def terms(kind: CouponType, **said: Any) -> Terms:
    return Terms(name="A coupon", coupon_type=kind, **said)


@pytest.mark.parametrize(
    "said",
    [
        terms(CouponType.DISCOUNT, **TENTH),
        terms(CouponType.DISCOUNT, **TENTH | {"discount_value": 100}),
        terms(CouponType.DISCOUNT, discount_type=DiscountType.FIXED_AMOUNT, discount_value=101),
        terms(CouponType.PACKAGE, package_id=1),
        terms(CouponType.PACKAGE, package_id=1, custom_price=0, custom_credits=3),
        terms(CouponType.CREDIT_BONUS, bonus_credits=1, applicable_package_ids=(1, 2)),
    ],
)
def test_terms_that_fit_each_other_are_taken(said: Terms) -> None:
    check(said)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (terms(CouponType.DISCOUNT, discount_value=10), "discount_type"),
        (terms(CouponType.DISCOUNT, discount_type=DiscountType.PERCENTAGE), "discount_value"),
        (terms(CouponType.DISCOUNT, **TENTH | {"discount_value": 101}), "discount_value"),
        (terms(CouponType.DISCOUNT, **TENTH, package_id=1), "package_id"),
        (terms(CouponType.DISCOUNT, **TENTH, custom_price=1), "custom_price"),
        (terms(CouponType.DISCOUNT, **TENTH, bonus_credits=1), "bonus_credits"),
        (terms(CouponType.PACKAGE), "package_id"),
        (terms(CouponType.PACKAGE, package_id=1, discount_value=1), "discount_value"),
        (terms(CouponType.PACKAGE, package_id=1, applicable_package_ids=(2,)), "applicable_package_ids"),
        (terms(CouponType.CREDIT_BONUS), "bonus_credits"),
        (terms(CouponType.CREDIT_BONUS, bonus_credits=1, custom_credits=1), "custom_credits"),
        (
            terms(CouponType.DISCOUNT, **TENTH, valid_from=clock.now(), valid_until=clock.now().replace(year=2001)),
            "valid_until",
        ),
    ],
)
def test_terms_that_contradict_each_other_are_refused_at_their_field(said: Terms, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check(said)

    assert refused.value.field == field


def change(timetable: Timetable, coupon: int, **values: Any) -> None:
    with transaction(timetable.engine) as session:
        coupon_book.change(session, timetable.organization("lumen"), coupon, values, at=clock.now())


@pytest.mark.parametrize("field", ["max_redemptions", "max_redemptions_per_member"])
def test_a_limit_is_not_lowered_below_what_was_used(timetable: Timetable, field: str) -> None:
    coupon = timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=1, max_redemptions=9, max_redemptions_per_member=9)
    for _ in range(3):
        timetable.redeem("ada", "CORE-10", couponCode="MORE")

    with pytest.raises(InvalidField) as refused:
        change(timetable, coupon, **{field: 2})
    change(timetable, coupon, **{field: 3})

    assert (refused.value.field, str(refused.value)) == (field, "Name 3 or more: the coupon was used so often.")
    assert timetable.redeem("ada", "CORE-10", couponCode="MORE").code == "coupon_exhausted"
    assert timetable.studio.audit() == []


def test_a_limit_that_is_raised_lets_more_in(timetable: Timetable) -> None:
    coupon = timetable.coupon("ONCE", "CREDIT_BONUS", bonus_credits=1, max_redemptions=1)
    timetable.redeem("ada", "CORE-10", couponCode="ONCE")

    change(timetable, coupon, max_redemptions=None)

    assert timetable.redeem("eve", "CORE-10", couponCode="ONCE").code == "done"
    assert timetable.studio.audit() == []


def test_what_was_sold_stays_as_it_was_sold(timetable: Timetable) -> None:
    coupon = timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=1)
    package = timetable.redeem("ada", "CORE-10", couponCode="MORE").redemption["studentPackageId"]

    change(timetable, coupon, bonus_credits=5, max_redemptions_per_member=2)

    assert timetable.left(package) == [11]
    assert timetable.redeem("ada", "CORE-10", couponCode="MORE").redemption["credits"] == 15
    assert timetable.studio.audit() == []


def test_a_code_that_was_deleted_is_free_and_its_packages_name_it_still(timetable: Timetable) -> None:
    coupon = timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=1)
    timetable.redeem("ada", "CORE-10", couponCode="MORE")

    with transaction(timetable.engine) as session:
        organization = timetable.organization("lumen")
        coupon_book.remove(session, organization, coupon, at=clock.now())
        coupon_book.create(session, organization, "MORE", terms(CouponType.DISCOUNT, **TENTH), at=clock.now())

    assert timetable.redeem("ada", "CORE-10", couponCode="MORE").redemption["redemptionType"] == "COUPON_DISCOUNT"
    assert timetable.studio.audit() == []


def test_a_coupon_is_switched_off_though_its_package_is_gone(timetable: Timetable) -> None:
    named: dict[str, Any] = {"discount_type": "PERCENTAGE", "discount_value": 10, "applicable_packages": ["CORE-10"]}
    coupon = timetable.coupon("TENTH", "DISCOUNT", **named)
    timetable.studio.rows("UPDATE products SET deleted_at = now() WHERE code = 'CORE-10'")
    organization = timetable.organization("lumen")

    with transaction(timetable.engine) as session:
        changed = coupon_book.change(session, organization, coupon, {"is_active": False}, at=clock.now())
        assert (changed.active, [each.code for each in changed.products]) == (False, ["CORE-10"])
    ids = (timetable.product("CORE-10"),)
    with transaction(timetable.engine) as session, pytest.raises(InvalidField):
        coupon_book.change(session, organization, coupon, {"applicable_package_ids": ids}, at=clock.now())
