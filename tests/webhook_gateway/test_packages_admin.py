from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

import config
from db.models import ServiceType
from db.transaction import transaction
from tests.stripe_objects import checkout
from tests.studio import Studio, open_studio
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers, said
from tests.webhook_gateway.world import World
from worker import runtime

PACKAGES = "/api/packages"
LINE = {"serviceType": "GROUP", "credits": 10, "creditUnitMinutes": 60}
CORE: dict[str, Any] = {
    "code": "CORE-10",
    "name": "Core 10",
    "price": 800_000,
    "validityDays": 180,
    "allowances": [LINE],
}


@pytest.fixture
def studio(
    engine: Engine, tmp_path: Path, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Studio]:
    """Give the demo studios, to whom Stripe's events come."""
    monkeypatch.setattr(config, "load", lambda: settings)
    runtime.settings.cache_clear()
    yield open_studio(engine, tmp_path)
    runtime.settings.cache_clear()


def make(browser: Browser, **changes: Any) -> dict[str, Any]:
    made = browser.command(PACKAGES, CORE | changes, **ADMIN)
    assert made.status_code == 201, made.text
    return said(made)


def change(browser: Browser, package: int, body: dict[str, Any], **claims: Any) -> Any:
    return browser.command(f"{PACKAGES}/{package}", body, method="PATCH", **ADMIN | claims)


def test_a_package_is_put_on_sale_with_calculated_prices(browser: Browser, world: World) -> None:
    world.organization("lumen", credit_price=150_000)

    made = make(browser)

    assert (made["basePrice"], made["discountPercentage"], made["pricePerCredit"]) == (1_500_000, 47, 80_000)
    assert (made["currency"], made["active"], made["bundleDescription"]) == ("TRY", True, "10 Group (60 min)")
    public = said(browser.client.get(f"{PACKAGES}/{made['id']}?org=lumen"))
    assert public == {name: made[name] for name in public}
    assert not {"stripePriceIds", "validityStarts"} & public.keys()
    assert said(browser.get(f"{PACKAGES}/{made['id']}", **ADMIN)) == made


def test_everything_of_a_package_can_be_said(browser: Browser, world: World) -> None:
    world.organization("lumen")
    all_of_it = {
        "currency": "EUR",
        "validityStarts": "FIRST_USE",
        "bundleDescription": "All you need",
        "allAccessDays": 30,
        "allAccessServices": ["GROUP", "PRIVATE"],
        "allAccessDailyLimit": 2,
        "friendPassDays": 10,
        "eliteBadge": True,
        "scheduleLater": {"serviceType": "PRIVATE", "minutes": 60, "teacherTier": 0},
        "stripeProductId": "prod_1",
        "stripePriceIds": ["price_1", "price_2"],
        "active": False,
        "allowances": [
            LINE | {"teacherTier": 0, "weight": 3},
            {"serviceType": "PRIVATE", "credits": 2, "creditUnitMinutes": 30, "teacherTier": 20},
        ],
    }

    made = make(browser, **all_of_it)

    assert {name: made[name] for name in CORE | all_of_it} == CORE | all_of_it


def test_a_change_leaves_what_it_does_not_name_and_null_takes_away(browser: Browser, world: World) -> None:
    world.organization("lumen", credit_price=150_000)
    made = make(browser, friendPassDays=10, bundleDescription="Ten rides", stripePriceIds=["price_1"])

    cheaper = said(change(browser, made["id"], {"price": 700_000, "friendPassDays": None}))
    other = said(change(browser, made["id"], {"bundleDescription": None, "allowances": [LINE | {"credits": 12}]}))
    added = said(change(browser, made["id"], {"stripePriceIds": ["price_2"]}))

    assert (cheaper["price"], cheaper["bundleDescription"], cheaper["pricePerCredit"]) == (700_000, "Ten rides", 70_000)
    assert "friendPassDays" not in cheaper
    assert (other["price"], other["bundleDescription"]) == (700_000, "12 Group (60 min)")
    assert added["stripePriceIds"] == ["price_1", "price_2"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"code": "no code"}, "#/code"),
        ({"name": ""}, "#/name"),
        ({"name": None}, "#/name"),
        *(({"name": odd}, "#/name") for odd in (" ", "a\u2028b", "\u202eCore", "\x85")),
        ({"price": -1}, "#/price"),
        ({"price": "1"}, "#/price"),
        ({"currency": "try"}, "#/currency"),
        ({"validityDays": 0}, "#/validityDays"),
        ({"validityStarts": "TOMORROW"}, "#/validityStarts"),
        ({"allowances": []}, "#/allowances"),
        ({"allowances": [LINE, LINE]}, "#/allowances"),
        ({"allowances": [LINE | {"credits": 0}]}, "#/allowances/0/credits"),
        ({"allowances": [LINE, LINE | {"creditUnitMinutes": 50}]}, "#/allowances/1/creditUnitMinutes"),
        ({"allowances": [LINE | {"teacherTier": -1}]}, "#/allowances/0/teacherTier"),
        ({"allowances": [LINE | {"colour": "red"}]}, "#/allowances/0/colour"),
        ({"allAccessServices": []}, "#/allAccessServices"),
        ({"allAccessDailyLimit": 25}, "#/allAccessDailyLimit"),
        ({"scheduleLater": {"serviceType": "PRIVATE", "minutes": 60}}, "#/scheduleLater"),
        ({"eliteBadge": "yes"}, "#/eliteBadge"),
        ({"billingInterval": "DECADE"}, "#/billingInterval"),
        ({"billingInterval": "MONTH", "validityStarts": "FIRST_USE"}, "#/billingInterval"),
        ({"billingInterval": "MONTH", "scheduleLater": {"serviceType": "GROUP", "minutes": 60}}, "#/billingInterval"),
        ({"billingIntervalCount": 2}, "#/billingIntervalCount"),
        ({"billingInterval": "MONTH", "billingIntervalCount": 0}, "#/billingIntervalCount"),
        ({"billingInterval": "MONTH", "billingIntervalCount": 37}, "#/billingIntervalCount"),
        ({"billingInterval": "YEAR", "billingIntervalCount": 4}, "#/billingIntervalCount"),
        ({"refundPolicy": "NONE"}, "#/refundPolicy"),
        ({"productType": "COURSE"}, "#/productType"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, world: World, body: dict[str, Any], pointer: str) -> None:
    world.organization("lumen")

    answer = browser.command(PACKAGES, CORE | body, **ADMIN)

    assert (answer.status_code, said(answer)["code"], pointers(answer)) == (422, "validation_failed", [pointer])
    # Nothing is named as Python names it.
    assert not re.search(r"[a-z]_[a-z]|\[\d|Value error", said(answer)["errors"][0]["detail"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        *(
            ({name: None}, f"#/{name}")
            for name in ("name", "price", "currency", "validityDays", "allowances", "active", "refundPolicy")
        ),
        *(({name: None}, f"#/{name}") for name in ("eliteBadge", "stripePriceIds", "allAccessServices")),
        ({"code": "OTHER"}, "#/code"),
        ({"allowances": []}, "#/allowances"),
        ({"allowances": [LINE, LINE]}, "#/allowances"),
        ({"allowances": [LINE | {"creditUnitMinutes": 50}]}, "#/allowances/0/creditUnitMinutes"),
        ({"scheduleLater": {"serviceType": "PRIVATE", "minutes": 60}}, "#/scheduleLater"),
        ({"billingIntervalCount": 3}, "#/billingIntervalCount"),
        ({"billingInterval": "MONTH", "validityStarts": "FIRST_USE"}, "#/billingInterval"),
        ({"stripePriceIds": ["price_of_another"]}, "#/stripePriceIds"),
        ({"stripeProductId": "prod_of_another"}, "#/stripeProductId"),
    ],
)
def test_a_change_that_is_impossible_changes_nothing(
    browser: Browser, world: World, body: dict[str, Any], pointer: str
) -> None:
    world.organization("lumen")
    make(browser, code="OTHER", stripePriceIds=["price_of_another"], stripeProductId="prod_of_another")
    made = make(browser)

    answer = change(browser, made["id"], body)

    assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert not re.search(r"all_access|service_type|Value error", answer.text)
    assert said(browser.get(f"{PACKAGES}/{made['id']}", **ADMIN)) == made


def test_a_package_becomes_a_subscription_and_is_paid_once_again(browser: Browser, world: World) -> None:
    world.organization("lumen")
    made = make(browser, refundPolicy="ALL")

    quarterly = said(change(browser, made["id"], {"billingInterval": "MONTH", "billingIntervalCount": 3}))
    public = said(browser.client.get(f"{PACKAGES}/{made['id']}?org=lumen"))
    once = said(change(browser, made["id"], {"billingInterval": None}))

    assert (quarterly["billingInterval"], quarterly["billingIntervalCount"]) == ("MONTH", 3)
    assert (public["billingInterval"], public["refundPolicy"]) == ("MONTH", "ALL")
    assert not {"billingInterval", "billingIntervalCount"} & once.keys()


def test_stripe_is_to_be_told_what_it_is_told_of_and_of_nothing_else(browser: Browser, world: World) -> None:
    world.organization("lumen")
    made = make(browser)
    draft = make(browser, code="DRAFT", active=False)
    with transaction(world.engine) as session:
        session.execute(text("UPDATE products SET sync_due_at = NULL"))

    def due(**values: Any) -> bool:
        shown = said(change(browser, made["id"], values))["stripe"]["syncDueAt"] is not None
        with transaction(world.engine) as session:
            session.execute(text("UPDATE products SET sync_due_at = NULL"))
        return shown

    told = {"name": "Core", "price": 1, "currency": "EUR", "active": False, "billingInterval": "WEEK"}
    # Off sale, and never at Stripe: nothing to tell of.
    assert {name: due(**{name: value}) for name, value in told.items()} == {
        "name": True,
        "price": True,
        "currency": True,
        "active": False,
        "billingInterval": False,
    }
    assert due(active=True, allowances=[LINE | {"credits": 11}])
    assert not due(validityDays=10, eliteBadge=True, refundPolicy="ALL", name="Core")
    assert draft["stripe"]["syncDueAt"] is None


def test_a_code_names_one_package_for_good(browser: Browser, world: World) -> None:
    world.organization("lumen")
    made = make(browser)
    twice = browser.command(PACKAGES, CORE, **ADMIN)
    browser.command(f"{PACKAGES}/{made['id']}", method="DELETE", **ADMIN)

    again = browser.command(PACKAGES, CORE, **ADMIN)

    assert (twice.status_code, pointers(twice)) == (422, ["#/code"])
    assert (again.status_code, pointers(again)) == (422, ["#/code"])


def test_what_was_sold_keeps_what_it_was(browser: Browser, studio: Studio) -> None:
    studio.deliver(checkout("CORE-10", amount=800_000, student="ada"))
    number = studio.one("SELECT id FROM products WHERE code = 'CORE-10'")["id"]

    change(browser, number, {"name": "Other", "allowances": [LINE | {"credits": 3}]})
    gone = browser.command(f"{PACKAGES}/{number}", method="DELETE", **ADMIN)

    (held,) = said(browser.get("/api/students/me/packages", sub="ada"))["items"]
    assert (gone.status_code, said(gone)["active"]) == (200, False)
    assert (held["packageName"], held["balances"][0]["total"]) == ("Core 10", 10)
    assert browser.get(f"{PACKAGES}/{number}", **ADMIN).status_code == 404
    assert browser.command(f"{PACKAGES}/{number}", method="DELETE", **ADMIN).status_code == 404
    assert change(browser, number, {"name": "x"}).status_code == 404
    # What is paid for it still is owed.
    studio.deliver(checkout("CORE-10", payment="pi_late", amount=800_000, student="eve"))
    assert ("CORE-10", "eve") in studio.packages()


def test_a_purchase_that_was_parked_is_taken_up_by_its_code(browser: Browser, studio: Studio) -> None:
    event = checkout("NEW", amount=800_000, student="ada")
    studio.deliver(event)
    assert studio.event(event)["error_code"] == "unknown_product"

    make(browser, code="NEW")
    studio.drain()

    assert studio.packages() == [("NEW", "ada")]


def test_what_is_not_on_sale_is_for_admins_to_see(browser: Browser, client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    shown = world.product(lumen, "SHOWN", (ServiceType.GROUP, 1, 60))
    hidden = world.product(lumen, "HIDDEN", (ServiceType.GROUP, 1, 60), active=False)

    everything = said(browser.get(f"{PACKAGES}?includeInactive=true", **ADMIN))["items"]

    assert [item["id"] for item in everything] == [shown.id, hidden.id]
    assert [item["active"] for item in everything] == [True, False]
    assert [item["id"] for item in said(browser.get(PACKAGES, **ADMIN))["items"]] == [shown.id]
    for claims in (STAFF, {"role": "student"}):
        assert browser.get(f"{PACKAGES}?includeInactive=true", **claims).status_code == 403
        assert browser.get(f"{PACKAGES}/{hidden.id}", **claims).status_code == 404
    assert client.get(f"{PACKAGES}?org=lumen&includeInactive=true").status_code == 403
    assert client.get(f"{PACKAGES}/{hidden.id}?org=lumen").status_code == 404
    assert client.get(f"{PACKAGES}/{shown.id}?org=lumen").status_code == 200
    assert client.get(f"{PACKAGES}/{shown.id}").status_code == 422


def test_only_admins_of_the_organization_keep_its_catalog(browser: Browser, world: World) -> None:
    own = world.product(world.organization("lumen"), "CORE", (ServiceType.GROUP, 1, 60))
    world.organization("thrive")
    address = f"{PACKAGES}/{own.id}"

    assert browser.get(address, org="thrive").status_code == 404
    assert change(browser, own.id, {"name": "x"}, org="thrive").status_code == 404
    assert browser.command(address, method="DELETE", org="thrive", **ADMIN).status_code == 404
    for claims in (STAFF, {"role": "student"}, PLATFORM):
        assert browser.command(PACKAGES, CORE, **claims).status_code == 403
        assert browser.command(address, {"name": "x"}, method="PATCH", **claims).status_code == 403
        assert browser.command(address, method="DELETE", **claims).status_code == 403
