"""What differs between our catalog and Stripe, as staff see it, and how it is sent there again."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import Organization, Product, ServiceType, StripeObject
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, said
from tests.webhook_gateway.world import AT, World

DRIFT = "/api/admin/drift"


@pytest.fixture
def lumen(world: World) -> Organization:
    return world.organization("lumen")


def sold(world: World, of: Organization, code: str, *, theirs: str | None) -> Product:
    """Sell a product that Stripe calls otherwise, or knows nothing else of."""
    product = world.product(of, code, (ServiceType.GROUP, 5, 60), stripe_product_id=f"prod_{code}", name=code)
    if theirs:
        told = {"object": "product", "deleted": False, "name": theirs, "active": True, "product_code": code}
        keep(world, product, told)
    return product


def keep(world: World, product: Product, told: dict[str, Any]) -> None:
    world._add(  # noqa: SLF001 - a row like any other
        StripeObject(
            organization_id=product.organization_id,
            stripe_id=product.stripe_product_id,
            product_id=product.id,
            said=told,
            updated=1,
            noticed_at=AT,
        )
    )


def test_staff_see_what_has_drifted_beside_ours(browser: Browser, world: World, lumen: Organization) -> None:
    other = sold(world, lumen, "CORE-10", theirs="Ten rides")
    sold(world, lumen, "EXPLORER-5", theirs="EXPLORER-5")
    sold(world, lumen, "SINGLE-RIDE", theirs=None)

    answer = browser.get(DRIFT, **STAFF)

    name = {"stripeId": "prod_CORE-10", "field": "name", "ours": "CORE-10", "theirs": "Ten rides"}
    assert answer.get_json() == {
        "items": [
            {
                "id": other.id,
                "code": "CORE-10",
                "name": "CORE-10",
                "stripeProductId": "prod_CORE-10",
                "differences": [name],
                "noticedAt": "2026-03-01T12:00:00Z",
            }
        ],
        "nextCursor": None,
    }


def test_drift_comes_in_pages(browser: Browser, world: World, lumen: Organization) -> None:
    for n in range(5):
        sold(world, lumen, f"P-{n}", theirs="Other" if n % 2 == 0 else None)

    first = browser.get(f"{DRIFT}?limit=2", **STAFF).get_json()
    rest = browser.get(f"{DRIFT}?limit=2&cursor={first['nextCursor']}", **STAFF).get_json()

    assert [item["code"] for item in first["items"] + rest["items"]] == ["P-0", "P-2", "P-4"]
    assert rest["nextCursor"] is None


def test_an_admin_has_stripe_told_again(browser: Browser, world: World, lumen: Organization) -> None:
    product = sold(world, lumen, "CORE-10", theirs="Ten rides")

    pushed = browser.command(f"{DRIFT}/{product.id}/push", **ADMIN)

    assert pushed.status_code == 200
    assert said(pushed)["syncDueAt"] == said(browser.get(DRIFT, **STAFF))["items"][0]["syncDueAt"]


def test_nobody_sees_or_pushes_what_is_anothers(browser: Browser, world: World, lumen: Organization) -> None:
    theirs = sold(world, world.organization("thrive"), "PREMIUM-3", theirs="Other")
    unknown = world.product(lumen, "DESK-ONLY", (ServiceType.GROUP, 1, 60))

    assert said(browser.get(DRIFT, **STAFF))["items"] == []
    for product in (theirs.id, unknown.id, 999_999):
        assert browser.command(f"{DRIFT}/{product}/push", **ADMIN).status_code == 404


@pytest.mark.parametrize(("claims", "status"), [({}, 403), (STAFF, 200), (ADMIN, 200), (PLATFORM, 403)])
def test_who_may_look(browser: Browser, lumen: Organization, claims: dict[str, Any], status: int) -> None:
    assert lumen
    assert browser.get(DRIFT, **claims).status_code == status


@pytest.mark.parametrize("claims", [{}, STAFF, PLATFORM])
def test_only_admins_push(browser: Browser, world: World, lumen: Organization, claims: dict[str, Any]) -> None:
    product = sold(world, lumen, "CORE-10", theirs="Other")

    assert browser.command(f"{DRIFT}/{product.id}/push", **claims).status_code == 403
    assert "syncDueAt" not in said(browser.get(DRIFT, **STAFF))["items"][0]
