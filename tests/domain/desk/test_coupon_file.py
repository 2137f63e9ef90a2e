"""Coupons in a catalog's document: made, changed, left alone, and each fault with the way to its field."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cli.demo import DEMO
from domain.errors import InvalidCatalog
from tests.domain.booking.world import organization
from tests.studio import Studio
from tests.timetable import Timetable

TENTH: dict[str, Any] = {
    "code": "TENTH",
    "name": "A tenth",
    "coupon_type": "DISCOUNT",
    "discount_type": "PERCENTAGE",
    "discount_value": 10,
}


def document(*coupons: dict[str, Any], **policies: Any) -> dict[str, Any]:
    return {"organizations": [organization(**policies) | {"coupons": list(coupons)}]}


def test_the_demo_has_three_coupons_and_applying_it_again_changes_nothing(studio: Studio) -> None:
    codes = [row["code"] for row in studio.rows("SELECT code FROM coupons ORDER BY id")]

    again = studio.apply(yaml.safe_load(DEMO.read_text()))

    assert codes == ["WELCOME10", "FREERIDE", "PLUS2"]
    assert (again.created, again.updated) == ([], [])


def test_a_coupon_is_made_then_changed_and_others_are_left_alone(studio: Studio) -> None:
    made = studio.apply(document(TENTH | {"code": "tenth", "applicable_packages": ["CORE-10"]}))
    same = studio.apply(document(TENTH | {"applicable_packages": ["CORE-10"]}))
    changed = studio.apply(document(TENTH | {"valid_until": "2027-01-01T00:00"}))

    assert made.created == changed.updated == ["lumen/coupons/TENTH"]
    assert (same.created, same.updated) == ([], [])
    row = studio.one("SELECT * FROM coupons WHERE code = 'TENTH'")
    assert row["valid_until"].isoformat() == "2026-12-31T21:00:00+00:00"
    assert studio.count("coupons") == 4
    assert studio.count("coupon_products") == 1


def test_one_that_was_deleted_is_back_with_its_uses(timetable: Timetable) -> None:
    timetable.redeem("ada", "CORE-10", couponCode="WELCOME10")
    timetable.studio.rows("UPDATE coupons SET deleted_at = created_at WHERE code = 'WELCOME10'")

    again = timetable.studio.apply(yaml.safe_load(DEMO.read_text()))

    assert again.updated == ["lumen/coupons/WELCOME10"]
    assert timetable.redeem("ada", "CORE-10", couponCode="WELCOME10").code == "coupon_exhausted"


def test_policies_stand_beside_each_other(studio: Studio) -> None:
    studio.apply(document(waitlist_cutoff_minutes=30, completion_delay_minutes=0, cancellation_window_minutes=60))

    row = studio.one("SELECT * FROM organizations WHERE slug = 'lumen'")
    assert (row["waitlist_cutoff_minutes"], row["completion_delay_minutes"]) == (30, 0)
    assert row["cancellation_window_minutes"] == 60


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"code": "no code"}, "organizations.0.coupons.0.code"),
        ({"code": "x" * 65}, "organizations.0.coupons.0.code"),
        ({"discount_value": 0}, "organizations.0.coupons.0.discount_value"),
        ({"max_redemptions": 0}, "organizations.0.coupons.0.max_redemptions"),
        ({"max_redemptions_per_member": None}, "organizations.0.coupons.0.max_redemptions_per_member"),
        ({"colour": "red"}, "organizations.0.coupons.0.colour"),
        ({"discount_value": 101}, "lumen.coupons.0.discount_value"),
        ({"package": "CORE-10"}, "lumen.coupons.0.package"),
        ({"applicable_packages": ["NONE"]}, "lumen.coupons.0.applicable_packages"),
        ({"valid_from": "2027-01-01T00:00", "valid_until": "2027-01-01T00:00"}, "lumen.coupons.0.valid_until"),
    ],
)
def test_a_fault_is_told_with_the_way_to_its_field(studio: Studio, said: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidCatalog) as refused:
        studio.apply(document(TENTH | said))

    assert str(refused.value).startswith(f"{where}: ")
    assert studio.count("coupons") == 3


def test_credits_are_for_packages_with_one_kind_of_them(studio: Studio) -> None:
    bonus = {"code": "B", "name": "B", "coupon_type": "CREDIT_BONUS", "bonus_credits": 1}

    with pytest.raises(InvalidCatalog, match=r"^lumen\.coupons\.0\.applicable_packages: .*ALL-ACCESS-30"):
        studio.apply(document(bonus | {"applicable_packages": ["CORE-10", "ALL-ACCESS-30"]}))


def test_a_code_is_there_once(studio: Studio) -> None:
    with pytest.raises(InvalidCatalog, match="coupons with the same code: TENTH"):
        studio.apply(document(TENTH, TENTH | {"code": "tenth"}))


def test_a_limit_below_what_was_used_is_refused(timetable: Timetable) -> None:
    timetable.coupon("TENTH", "DISCOUNT", discount_type="PERCENTAGE", discount_value=10, max_redemptions=5)
    timetable.redeem("ada", "CORE-10", couponCode="TENTH")
    timetable.redeem("eve", "CORE-10", couponCode="TENTH")

    with pytest.raises(InvalidCatalog, match=r"^lumen\.coupons\.0\.max_redemptions: Name 2 or more"):
        timetable.studio.apply(document(TENTH | {"max_redemptions": 1}))
