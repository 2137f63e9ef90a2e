from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from db.models import ProductType, ServiceType
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World

CATALOG = "/api/packages"


def test_the_catalog_shows_packages_with_calculated_prices(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen", credit_price=150_000)
    product = world.product(lumen, "CORE-10", (ServiceType.GROUP, 10, 60), price=800_000, friend_pass_days=30)

    answer = client.get(f"{CATALOG}?org=lumen").json

    assert answer == {
        "items": [
            {
                "id": product.id,
                "code": "CORE-10",
                "name": "Core-10",
                "bundleDescription": "10 Group (60 min)",
                "allowances": [{"serviceType": "GROUP", "teacherTier": 0, "credits": 10, "creditUnitMinutes": 60}],
                "price": 800_000,
                "currency": "TRY",
                "basePrice": 1_500_000,
                "discountAmount": 700_000,
                "discountPercentage": 47,
                "pricePerCredit": 80_000,
                "active": True,
                "validityDays": 90,
                "friendPassDays": 30,
                "eliteBadge": False,
                "refundPolicy": "UNUSED_ONLY",
            }
        ],
        "nextCursor": None,
    }


def test_a_pass_without_credits_has_no_price_per_credit(client: FlaskClient, world: World) -> None:
    world.product(world.organization("lumen"), "ALL-ACCESS-30", all_access_days=30)

    (item,) = client.get(f"{CATALOG}?org=lumen").get_json()["items"]

    assert [item[name] for name in ("basePrice", "discountAmount", "discountPercentage", "pricePerCredit")] == [
        None
    ] * 4
    assert (item["allAccessDays"], item["bundleDescription"]) == (30, "All-Access (30 days)")


def test_only_packages_on_sale_are_shown(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    world.product(lumen, "SHOWN")
    world.product(lumen, "INACTIVE", active=False)
    world.product(lumen, "DELETED", deleted_at=AT)
    world.product(lumen, "COURSE", product_type=ProductType.COURSE)
    world.product(world.organization("thrive"), "OTHERS")

    answer = client.get(f"{CATALOG}?org=lumen").get_json()

    assert [item["code"] for item in answer["items"]] == ["SHOWN"]


def test_the_catalog_is_of_the_tokens_organization(browser: Browser, world: World) -> None:
    world.product(world.organization("lumen"), "LUMENS")
    world.product(world.organization("thrive"), "THRIVES")

    codes = [item["code"] for item in browser.get(CATALOG, org="thrive").get_json()["items"]]

    assert codes == ["THRIVES"]
    assert browser.get(f"{CATALOG}?org=lumen", org="thrive").status_code == 403
    assert browser.get(f"{CATALOG}?org=lumen", org="*", role="admin").status_code == 200


@pytest.mark.parametrize(
    ("query", "status"), [("", 422), ("?org=nowhere", 403), (f"?org={'a' * 64}", 422), ("?org=", 403)]
)
def test_the_catalog_needs_an_organization_that_exists(
    client: FlaskClient, world: World, query: str, status: int
) -> None:
    assert world

    assert client.get(CATALOG + query).status_code == status


def test_a_bad_token_is_refused_even_where_none_is_needed(client: FlaskClient, world: World) -> None:
    world.organization("lumen")

    assert client.get(f"{CATALOG}?org=lumen", headers={"Authorization": "Bearer x"}).status_code == 401
