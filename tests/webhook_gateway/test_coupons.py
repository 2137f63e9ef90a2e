from __future__ import annotations

from typing import Any

import pytest

from db.models import ServiceType
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers, said
from tests.webhook_gateway.world import World

COUPONS = "/api/coupons"
TENTH: dict[str, Any] = {
    "code": "TENTH",
    "name": "A tenth",
    "couponType": "DISCOUNT",
    "discountType": "PERCENTAGE",
    "discountValue": 10,
}
BONUS: dict[str, Any] = {"code": "MORE", "name": "More", "couponType": "CREDIT_BONUS", "bonusCredits": 2}


def make(browser: Browser, coupon: dict[str, Any], **claims: Any) -> dict[str, Any]:
    made = browser.command(COUPONS, coupon, **ADMIN | claims)
    assert made.status_code == 201, made.text
    return said(made)


def change(browser: Browser, coupon: int, body: dict[str, Any], **claims: Any) -> Any:
    return browser.command(f"{COUPONS}/{coupon}", body, method="PATCH", **ADMIN | claims)


def test_a_coupon_is_made_in_capitals_and_shown(browser: Browser, world: World) -> None:
    product = world.product(world.organization("lumen"), "CORE-10", (ServiceType.GROUP, 10, 60))
    window = {"validFrom": "2026-12-01T00:00:00Z", "validUntil": "2027-12-01T00:00:00Z"}
    limits = {"maxRedemptions": 100, "maxRedemptionsPerMember": 2, "isActive": False}

    made = make(browser, TENTH | window | limits | {"code": "tenth", "applicablePackageIds": [product.id]})

    shown = {"id": made["id"], "applicablePackageIds": [product.id], "redemptions": 0, "createdAt": made["createdAt"]}
    assert made == TENTH | window | limits | shown
    assert browser.get(COUPONS, **ADMIN).get_json() == {"items": [made], "nextCursor": None}
    assert browser.get(f"{COUPONS}/{made['id']}", **ADMIN).get_json() == made


def test_what_is_left_out_has_its_default(browser: Browser, world: World) -> None:
    world.organization("lumen")

    made = make(browser, BONUS)

    defaults = {"maxRedemptionsPerMember": 1, "isActive": True, "redemptions": 0}
    assert made == BONUS | defaults | {"id": made["id"], "createdAt": made["createdAt"]}


def test_a_package_coupon_names_its_package(browser: Browser, world: World) -> None:
    product = world.product(world.organization("lumen"), "CORE-10", (ServiceType.GROUP, 10, 60))
    coupon = {"code": "FREE", "name": "Free", "couponType": "PACKAGE", "packageId": product.id, "customPrice": 0}

    made = make(browser, coupon | {"customCredits": 3})

    assert {name: made[name] for name in coupon} == coupon
    assert made["customCredits"] == 3


def test_a_change_leaves_what_it_does_not_name_and_null_takes_away(browser: Browser, world: World) -> None:
    product = world.product(world.organization("lumen"), "CORE-10", (ServiceType.GROUP, 10, 60))
    made = make(browser, TENTH | {"maxRedemptions": 5, "applicablePackageIds": [product.id]})

    changed = said(change(browser, made["id"], {"discountValue": 20, "maxRedemptions": None}))
    for_all = said(change(browser, made["id"], {"applicablePackageIds": None, "isActive": False}))

    assert changed == {key: value for key, value in made.items() if key != "maxRedemptions"} | {"discountValue": 20}
    assert "applicablePackageIds" not in for_all
    assert (for_all["isActive"], for_all["discountValue"]) == (False, 20)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"code": "", "name": "x"}, "#/code"),
        ({"code": "no code"}, "#/code"),
        ({"code": "x" * 65}, "#/code"),
        ({"name": ""}, "#/name"),
        ({"name": "x" * 501}, "#/name"),
        *(({"name": odd}, "#/name") for odd in (" ", "a\u2028b", "\u202eTenth")),
        ({"couponType": "GIFT"}, "#/couponType"),
        ({"discountType": "HALF"}, "#/discountType"),
        ({"discountType": None}, "#/discountType"),
        ({"discountValue": 0}, "#/discountValue"),
        ({"discountValue": 101}, "#/discountValue"),
        ({"discountValue": "10"}, "#/discountValue"),
        ({"customPrice": 1}, "#/customPrice"),
        ({"packageId": 1}, "#/packageId"),
        ({"bonusCredits": 1}, "#/bonusCredits"),
        ({"applicablePackageIds": [999_999]}, "#/applicablePackageIds"),
        ({"applicablePackageIds": [0]}, "#/applicablePackageIds/0"),
        ({"applicablePackageIds": list(range(1, 300))}, "#/applicablePackageIds"),
        ({"validFrom": "2026-12-01"}, "#/validFrom"),
        ({"validFrom": "2026-12-01T00:00:00Z", "validUntil": "2026-12-01T00:00:00Z"}, "#/validUntil"),
        ({"maxRedemptions": 0}, "#/maxRedemptions"),
        ({"maxRedemptions": 2_000_000_000}, "#/maxRedemptions"),
        ({"maxRedemptionsPerMember": None}, "#/maxRedemptionsPerMember"),
        ({"isActive": "yes"}, "#/isActive"),
        ({"colour": "red"}, "#/colour"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, world: World, body: dict[str, Any], pointer: str) -> None:
    world.organization("lumen")

    answer = browser.command(COUPONS, TENTH | body, **ADMIN)

    assert (answer.status_code, said(answer)["code"], pointers(answer)) == (422, "validation_failed", [pointer])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "#/name"),
        ({"maxRedemptionsPerMember": None}, "#/maxRedemptionsPerMember"),
        ({"isActive": None}, "#/isActive"),
        ({"discountValue": None}, "#/discountValue"),
        ({"discountValue": 101}, "#/discountValue"),
        ({"code": "OTHER"}, "#/code"),
        ({"couponType": "PACKAGE"}, "#/couponType"),
        ({"bonusCredits": 1}, "#/bonusCredits"),
        ({"validUntil": "2000-01-01T00:00:00Z", "validFrom": "2026-12-01T00:00:00Z"}, "#/validUntil"),
    ],
)
def test_a_change_that_is_impossible_changes_nothing(
    browser: Browser, world: World, body: dict[str, Any], pointer: str
) -> None:
    world.organization("lumen")
    made = make(browser, TENTH)

    answer = change(browser, made["id"], body)

    assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert browser.get(f"{COUPONS}/{made['id']}", **ADMIN).get_json() == made


def test_credits_need_packages_with_one_kind_of_them(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    both = world.product(lumen, "BOTH", (ServiceType.GROUP, 10, 60), (ServiceType.PRIVATE, 1, 60))
    unlimited = world.product(lumen, "PASS", all_access_days=30)
    custom = {"code": "X", "name": "X", "couponType": "PACKAGE", "customCredits": 3}

    for product in (both, unlimited):
        bonus = browser.command(COUPONS, BONUS | {"applicablePackageIds": [product.id]}, **ADMIN)
        package = browser.command(COUPONS, custom | {"packageId": product.id}, **ADMIN)

        assert (pointers(bonus), pointers(package)) == (["#/applicablePackageIds"], ["#/packageId"])


def test_a_code_names_one_coupon_of_an_organization(browser: Browser, world: World) -> None:
    world.organization("lumen")
    world.organization("thrive")
    first = make(browser, TENTH)

    again = browser.command(COUPONS, TENTH | {"code": "tenth"}, **ADMIN)
    elsewhere = make(browser, TENTH, org="thrive")
    browser.command(f"{COUPONS}/{first['id']}", method="DELETE", **ADMIN)
    later = make(browser, TENTH)

    assert (again.status_code, pointers(again)) == (422, ["#/code"])
    assert len({first["id"], elsewhere["id"], later["id"]}) == 3


def test_a_coupon_that_was_deleted_is_not_there(browser: Browser, world: World) -> None:
    world.organization("lumen")
    address = f"{COUPONS}/{make(browser, TENTH)['id']}"

    gone = browser.command(address, method="DELETE", **ADMIN)

    assert (gone.status_code, said(gone)["code"]) == (200, "TENTH")
    assert browser.get(address, **ADMIN).status_code == 404
    assert browser.command(address, method="DELETE", **ADMIN).status_code == 404
    assert browser.command(address, {"name": "x"}, method="PATCH", **ADMIN).status_code == 404
    assert browser.get(COUPONS, **ADMIN).get_json()["items"] == []
    assert browser.get(f"{COUPONS}/code/TENTH").status_code == 404


def test_a_list_comes_in_pages(browser: Browser, world: World) -> None:
    world.organization("lumen")
    ids = [make(browser, BONUS | {"code": f"MORE-{number}"})["id"] for number in range(3)]

    first = browser.get(f"{COUPONS}?limit=2", **ADMIN).get_json()
    rest = browser.get(f"{COUPONS}?limit=2&cursor={first['nextCursor']}", **ADMIN).get_json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids


def test_only_admins_of_the_organization_keep_its_coupons(browser: Browser, world: World) -> None:
    world.organization("lumen")
    world.organization("thrive")
    coupon = make(browser, TENTH)
    address = f"{COUPONS}/{coupon['id']}"

    assert browser.get(address, org="thrive", **ADMIN).status_code == 404
    assert change(browser, coupon["id"], {"name": "x"}, org="thrive").status_code == 404
    assert browser.command(address, method="DELETE", org="thrive", **ADMIN).status_code == 404
    assert browser.get(COUPONS, org="thrive", **ADMIN).get_json()["items"] == []
    for claims in (STAFF, {"role": "student"}, PLATFORM):
        assert browser.get(COUPONS, **claims).status_code == 403
        assert browser.get(address, **claims).status_code == 403
        assert browser.command(COUPONS, TENTH, **claims).status_code == 403
        assert browser.command(address, {"name": "x"}, method="PATCH", **claims).status_code == 403
        assert browser.command(address, method="DELETE", **claims).status_code == 403


# By its code.


def test_whoever_has_a_code_sees_what_it_is_good_for(browser: Browser, world: World) -> None:
    world.product(world.organization("lumen"), "RIDES")
    make(browser, TENTH | {"maxRedemptions": 7})

    student = said(browser.get(f"{COUPONS}/code/tenth"))
    staff = said(browser.get(f"{COUPONS}/code/TENTH", **STAFF))

    assert student == TENTH | {"maxRedemptionsPerMember": 1, "isActive": True}
    assert staff == student | {"maxRedemptions": 7, "redemptions": 0}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"isActive": False}, "coupon_invalid"),
        ({"validUntil": "2001-01-01T00:00:00Z"}, "coupon_invalid"),
        ({"validFrom": "2190-01-01T00:00:00Z"}, "coupon_invalid"),
    ],
)
def test_a_coupon_that_cannot_be_used_says_why(browser: Browser, world: World, body: dict[str, Any], code: str) -> None:
    world.organization("lumen")
    make(browser, TENTH | body)

    shown = said(browser.get(f"{COUPONS}/code/TENTH"))

    assert shown["unusable"]["code"] == code
    assert "TENTH" in shown["unusable"]["detail"]
    assert shown["isActive"] == body.get("isActive", True)


@pytest.mark.parametrize("code", ["NONE", "x" * 64])
def test_a_code_that_nothing_has_is_not_found(browser: Browser, world: World, code: str) -> None:
    world.organization("lumen")
    make(browser, TENTH)

    assert browser.get(f"{COUPONS}/code/{code}").status_code == 404
    assert browser.get(f"{COUPONS}/code/{'x' * 65}").status_code == 422
    world.organization("thrive")
    assert browser.get(f"{COUPONS}/code/TENTH", org="thrive").status_code == 404
