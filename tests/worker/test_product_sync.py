"""Products brought to Stripe: made, renamed, sold at another price, taken off; and changed while that is under way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from db.transaction import reading, transaction
from domain.catalog.drift_view import drifted, push
from domain.errors import InvalidCatalog
from domain.listing import Part
from domain.outward.product_rows import mark_due
from tests.outward import Outward
from tests.outward import fake as fake  # noqa: PLC0414 - fixtures
from tests.outward import outward as outward  # noqa: PLC0414
from worker import call_rows, clock, runtime, stripe_api, upkeep
from worker.stripe_ask import No, ask

CODE = "EXPLORER-5"
TOKEN = "11111111-1111-1111-1111-111111111111"


def synced(outward: Outward, **values: Any) -> None:
    outward.change(CODE, **values)
    outward.sync()


def test_a_product_comes_to_stripe_with_its_price(outward: Outward) -> None:
    synced(outward, name="Explorer")

    ours = outward.product(CODE)
    theirs = outward.fake.found(f"products/{ours['stripe_product_id']}")
    (price,) = outward.prices(CODE)
    sold = outward.fake.found(f"prices/{price['stripe_price_id']}")
    assert (theirs["name"], theirs["active"], ours["sync_due_at"]) == ("Explorer", True, None)
    assert theirs["description"] == "5 Group (60 min)"
    assert theirs["metadata"] == {"org": "lumen", "product_code": CODE, "bundle": "5 Group (60 min)"}
    assert (sold["unit_amount"], sold["currency"], sold["lookup_key"]) == (500_000, "try", "lumen:EXPLORER-5")
    assert sold["metadata"] == {"org": "lumen", "product_code": CODE}
    assert (price["unit_amount"], price["currency"], price["lookup_key"]) == (500_000, "TRY", "lumen:EXPLORER-5")
    assert outward.made() == ["products", "prices"]


def test_what_has_not_changed_is_not_told(outward: Outward) -> None:
    synced(outward, name="Explorer")
    before = len(outward.made())

    synced(outward, name="Explorer")

    assert len(outward.made()) == before


def test_another_price_takes_the_place_of_the_old_one_which_is_retired(outward: Outward) -> None:
    synced(outward, price=500_001)
    old = outward.prices(CODE)[0]["stripe_price_id"]

    synced(outward, price=600_000)

    retired, todays = outward.prices(CODE)
    theirs = {each["id"]: each for each in outward.fake.listed("/v1/prices")}
    assert (retired["stripe_price_id"], retired["active"], theirs[old]["active"]) == (old, False, False)
    assert (todays["unit_amount"], todays["active"]) == (600_000, True)
    assert theirs[todays["stripe_price_id"]]["lookup_key"] == todays["lookup_key"] == "lumen:EXPLORER-5"
    assert (retired["lookup_key"], theirs[old]["lookup_key"]) == (None, None)
    assert outward.fake.calls("/v1/prices", "POST")[-1]["path"].endswith(old)


def test_a_late_payment_by_the_old_price_is_known(outward: Outward) -> None:
    synced(outward, price=500_001)
    old = outward.prices(CODE)[0]["stripe_price_id"]
    synced(outward, price=600_000)

    known = outward.studio.one("SELECT product_id FROM stripe_prices WHERE stripe_price_id = %(p)s", p=old)

    assert known["product_id"] == outward.product(CODE)["id"]


def test_a_price_that_is_the_products_default_is_retired_after_the_default_moved(outward: Outward) -> None:
    synced(outward, price=500_001)
    product, old = outward.product(CODE)["stripe_product_id"], outward.prices(CODE)[0]["stripe_price_id"]
    outward.fake.client().v1.products.update(product, {"default_price": old})

    synced(outward, price=600_000)

    todays = outward.prices(CODE)[-1]["stripe_price_id"]
    assert outward.fake.found(f"products/{product}")["default_price"] == todays
    assert outward.fake.found(f"prices/{old}")["active"] is False
    assert outward.product(CODE)["sync_due_at"] is None


def test_a_new_name_is_told_and_no_price_is_made(outward: Outward) -> None:
    synced(outward, price=500_001)

    synced(outward, price=500_001, name="Explorer of five")

    theirs = outward.fake.found(f"products/{outward.product(CODE)['stripe_product_id']}")
    assert theirs["name"] == "Explorer of five"
    assert len(outward.fake.listed("/v1/prices")) == 1


def test_what_is_off_sale_is_archived_and_comes_back(outward: Outward) -> None:
    synced(outward, price=500_001)
    product = outward.product(CODE)["stripe_product_id"]

    synced(outward, price=500_001, active=False)
    archived = outward.fake.found(f"products/{product}")["active"]
    synced(outward, price=500_001, active=True)

    assert (archived, outward.fake.found(f"products/{product}")["active"]) == (False, True)
    assert (outward.product(CODE)["stripe_product_id"], len(outward.fake.listed("/v1/products"))) == (product, 1)


def test_a_draft_that_was_never_at_stripe_is_not_sent(outward: Outward) -> None:
    outward.change(CODE, active=False)

    outward.sync()

    assert outward.fake.calls() == []
    assert outward.product(CODE)["sync_due_at"] is None


def test_a_subscription_has_a_price_for_its_period(outward: Outward) -> None:
    synced(outward, billing_interval="MONTH", billing_interval_count=3)

    (price,) = outward.prices(CODE)
    sold = outward.fake.found(f"prices/{price['stripe_price_id']}")
    assert (sold["recurring"]["interval"], sold["recurring"]["interval_count"]) == ("month", 3)
    assert (price["billing_interval"], price["billing_interval_count"]) == ("MONTH", 3)


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_change_in_between_is_not_lost(outward: Outward, moment: int) -> None:
    synced(outward, price=500_001)
    outward.change(CODE, price=600_000)
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    for _ in range(moment - 1):
        _one_call(outward)

    outward.change(CODE, price=700_000, name="Explorer in haste")
    outward.sync()

    theirs = outward.fake.found(f"products/{outward.product(CODE)['stripe_product_id']}")
    selling = [each["unit_amount"] for each in outward.fake.listed("/v1/prices") if each["active"]]
    assert (theirs["name"], selling, outward.product(CODE)["sync_due_at"]) == ("Explorer in haste", [700_000], None)
    assert [each["unit_amount"] for each in outward.prices(CODE) if each["active"]] == [700_000]


def _one_call(outward: Outward) -> None:
    """Make one call, and leave the one that follows."""
    outward.studio.rows("UPDATE stripe_calls SET due_at = created_at WHERE status = 'PENDING'")
    row = call_rows.lease(outward.studio.engine, TOKEN, 1)[0]
    call_rows.settle(outward.studio.engine, row, TOKEN, ask(row))


def test_ids_that_the_catalog_names_are_kept(outward: Outward) -> None:
    stripe = outward.fake.client().v1
    product = stripe.products.create({"name": "By hand"})
    price = stripe.prices.create({"product": product.id, "unit_amount": 500_000, "currency": "try"})

    synced(outward, stripe_product_id=product.id, stripe_price_ids=[price.id])

    (known,) = outward.prices(CODE)
    assert (known["stripe_price_id"], known["unit_amount"], known["active"]) == (price.id, 500_000, True)
    assert len(outward.fake.listed("/v1/products")) == len(outward.fake.listed("/v1/prices")) == 1
    assert outward.fake.found(f"products/{product.id}")["metadata"]["product_code"] == CODE
    assert outward.fake.found(f"prices/{price.id}")["lookup_key"] == "lumen:EXPLORER-5"


def test_a_price_alone_leads_to_its_product(outward: Outward) -> None:
    stripe = outward.fake.client().v1
    product = stripe.products.create({"name": "By hand"})
    price = stripe.prices.create({"product": product.id, "unit_amount": 500_000, "currency": "try"})

    synced(outward, stripe_price_ids=[price.id])

    assert outward.product(CODE)["stripe_product_id"] == product.id
    assert len(outward.fake.listed("/v1/products")) == 1


def test_a_price_that_is_not_there_is_forgotten_and_one_is_made(outward: Outward) -> None:
    synced(outward, stripe_price_ids=["price_of_nobody"])

    active = [each for each in outward.prices(CODE) if each["active"]]
    assert [each["unit_amount"] for each in active] == [500_000]
    assert outward.product(CODE)["sync_due_at"] is None


def test_what_stripe_refuses_is_asked_for_again_once_it_changes(outward: Outward) -> None:
    outward.change(CODE, price=500_001)
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    row = call_rows.lease(outward.studio.engine, TOKEN, 1)[0]
    call_rows.settle(outward.studio.engine, row, TOKEN, No("Stripe does not like the name."))
    refused = [(each["status"], each["error_code"]) for each in outward.calls()]
    outward.sync()
    still = len(outward.calls())

    synced(outward, price=500_000)

    assert (refused, still) == ([("PARKED", "stripe_refused")], 1)
    assert outward.product(CODE)["sync_due_at"] is None
    assert outward.prices(CODE)[0]["unit_amount"] == 500_000


def test_a_stripe_product_sells_one_of_ours_and_a_file_says_so(outward: Outward) -> None:
    outward.change("CORE-10", stripe_product_id="prod_1")

    with pytest.raises(InvalidCatalog, match=r"EXPLORER-5\.stripe_product_id: Name another"):
        outward.change(CODE, stripe_product_id="prod_1")


def test_each_of_many_products_is_made_once_by_two_at_once(outward: Outward) -> None:
    outward.studio.rows("UPDATE products SET sync_due_at = created_at")
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(outward.sync) for _ in range(4)]:
            each.result()
    outward.sync()

    on_sale = outward.studio.one("SELECT count(*) AS n FROM products WHERE active")["n"]
    assert len(outward.fake.listed("/v1/products")) == len(outward.fake.listed("/v1/prices")) == on_sale
    assert outward.studio.one("SELECT count(*) AS n FROM products WHERE sync_due_at IS NOT NULL")["n"] == 0


def test_what_stripe_answered_is_no_drift(outward: Outward) -> None:
    synced(outward, price=500_001)
    synced(outward, price=600_000, name="Zzz")
    synced(outward, price=600_000, name="Alpha")
    answered = shown(outward)

    outward.studio.deliver(*outward.fake.events(*OF_CATALOG))

    assert (answered, shown(outward)) == ([], [])


OF_CATALOG = ("product.created", "product.updated", "price.created", "price.updated")


def shown(outward: Outward) -> list[Any]:
    with reading(outward.studio.engine) as session:
        return [one for each in drifted(session, None, Part(10)) for one in each.differences]


def test_a_retired_price_that_can_be_bought_again_is_retired_by_a_push(outward: Outward) -> None:
    synced(outward, price=500_001)
    old = outward.prices(CODE)[0]["stripe_price_id"]
    synced(outward, price=600_000)
    outward.studio.rows("UPDATE stripe_objects SET updated = updated - 10")
    outward.fake.client().v1.prices.update(old, {"active": True})
    outward.studio.deliver(outward.fake.events("price.updated")[-1])
    reopened = [(one.stripe_id, one.field, one.theirs) for one in shown(outward)]

    own = outward.product(CODE)
    with transaction(outward.studio.engine) as session:
        push(session, own["organization_id"], own["id"], at=clock.now())
    outward.sync()

    assert reopened == [(old, "active", True)]
    assert outward.fake.found(f"prices/{old}")["active"] is False
    assert shown(outward) == []


# What Stripe does not have: another account, the other mode, or what was deleted there.


def elsewhere(outward: Outward) -> None:
    """Let all that is noted of Stripe be of another account."""
    for table, column in (("products", "stripe_product_id"), ("stripe_prices", "stripe_price_id")):
        outward.studio.rows(f"UPDATE {table} SET {column} = {column} || '_elsewhere' WHERE {column} IS NOT NULL")
    outward.studio.rows(
        "UPDATE stripe_objects SET stripe_id = stripe_id || '_elsewhere', said = CASE WHEN said ? 'product'"
        " THEN said || jsonb_build_object('product', (said ->> 'product') || '_elsewhere') ELSE said END"
    )


def test_another_account_gets_a_product_and_a_price_of_its_own(outward: Outward) -> None:
    synced(outward, price=500_001)
    elsewhere(outward)
    old = outward.prices(CODE)[0]["stripe_price_id"]

    synced(outward, price=500_001, name="Explorer elsewhere")

    ours = outward.product(CODE)
    theirs = outward.fake.found(f"products/{ours['stripe_product_id']}")
    (new,) = [each for each in outward.prices(CODE) if each["active"]]
    assert (theirs["name"], ours["sync_due_at"]) == ("Explorer elsewhere", None)
    assert outward.fake.found(f"prices/{new['stripe_price_id']}")["product"] == theirs["id"]
    assert old in [each["stripe_price_id"] for each in outward.prices(CODE)]
    assert "PARKED" not in {each["status"] for each in outward.calls()}
    assert outward.checkout().code == "done"


def test_a_product_that_went_before_its_price_came_is_made_again(outward: Outward) -> None:
    outward.change(CODE, price=500_001)
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    _one_call(outward)
    gone = outward.product(CODE)["stripe_product_id"]
    outward.fake.client().v1.products.delete(gone)

    outward.sync()

    theirs = outward.fake.found(f"products/{outward.product(CODE)['stripe_product_id']}")
    assert theirs["id"] != gone
    assert [each["product"] for each in outward.fake.listed("/v1/prices")] == [theirs["id"]]


def test_a_stripe_that_loses_what_it_has_just_made_is_left_alone(outward: Outward) -> None:
    outward.change(CODE, price=500_001)
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    for _ in range(2):
        _one_call(outward)
        outward.fake.client().v1.products.delete(outward.product(CODE)["stripe_product_id"])
        _one_call(outward)

    assert [each["status"] for each in outward.calls()] == ["SENT", "VOID", "SENT", "PARKED"]


def test_a_price_to_be_retired_that_is_gone_is_forgotten(outward: Outward) -> None:
    synced(outward, price=500_001)
    outward.price(CODE, "price_of_nobody", 400_000)

    synced(outward, price=600_000)

    assert [each["unit_amount"] for each in outward.prices(CODE) if each["active"]] == [600_000]
    assert outward.product(CODE)["sync_due_at"] is None


def test_prices_of_another_product_of_stripes_do_not_sell_this_one(outward: Outward) -> None:
    synced(outward, price=500_001)
    old = outward.prices(CODE)[0]["stripe_price_id"]
    other = outward.fake.client().v1.products.create({"name": "By hand"})

    outward.change(CODE, price=500_001, stripe_product_id=other.id)
    spelled_out = outward.sent(outward.checkout())["line_items"]
    outward.sync()

    (new,) = [each["stripe_price_id"] for each in outward.prices(CODE) if each["active"]]
    assert "price_data" in str(spelled_out)
    assert outward.fake.found(f"prices/{new}")["product"] == other.id
    assert outward.fake.found(f"prices/{old}")["active"] is False


def test_what_was_archived_by_hand_is_sold_spelled_out_until_it_is_told_again(outward: Outward) -> None:
    synced(outward, price=500_001)
    product, price = outward.product(CODE)["stripe_product_id"], outward.prices(CODE)[0]["stripe_price_id"]
    outward.studio.rows("UPDATE stripe_objects SET updated = updated - 10")
    outward.fake.client().v1.products.update(product, {"active": False})
    outward.studio.deliver(*outward.fake.events("product.updated"))

    archived = outward.sent(outward.checkout())["line_items"]
    synced(outward, price=500_001, name="Explorer again")
    again = outward.sent(outward.checkout())["line_items"]

    assert "price_data" in str(archived)
    assert price in str(again)
    assert [each["stripe_price_id"] for each in outward.prices(CODE)] == [price]


def test_a_price_that_did_not_sell_is_looked_for_and_another_one_made(outward: Outward) -> None:
    synced(outward, price=500_001)
    old, own = outward.prices(CODE)[0]["stripe_price_id"], outward.product(CODE)
    outward.fake.client().v1.prices.update(old, {"active": False})

    with transaction(outward.studio.engine) as session:
        mark_due(session, own["organization_id"], CODE, at=clock.now())
    doubted = outward.sent(outward.checkout())["line_items"]
    outward.sync()

    (new,) = [each["stripe_price_id"] for each in outward.prices(CODE) if each["active"]]
    assert "price_data" in str(doubted)
    assert new != old
    assert outward.fake.found(f"prices/{new}")["active"] is True
    assert outward.product(CODE)["sync_due_at"] is None


def test_a_key_that_is_mended_brings_what_waited(outward: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setenv("STRIPE_API_KEY", "sk_test_canary1234567890")
        _read_again()
        for _ in range(12):
            synced(outward, price=500_001)
            outward.again()
    (waiting,) = outward.calls()

    _read_again()
    outward.again()

    assert (waiting["status"], waiting["attempts"] > 12) == ("PENDING", True)
    assert timedelta(minutes=9) < waiting["due_at"] - clock.now() <= timedelta(minutes=10)
    assert "STRIPE_API_KEY" in waiting["last_error"]
    assert "canary" not in waiting["last_error"]
    assert outward.product(CODE)["sync_due_at"] is None


@pytest.mark.parametrize("path", ["/v1/products", "/v1/prices"])
def test_what_a_key_may_not_do_waits_until_it_may(outward: Outward, path: str) -> None:
    outward.fake.faults("403", path, times=3)
    synced(outward, price=500_001)
    for _ in range(2):
        outward.again()
    waiting = outward.calls()[-1]

    outward.again()

    assert (waiting["status"], waiting["attempts"]) == ("PENDING", 3)
    assert timedelta(minutes=9) < waiting["due_at"] - clock.now() <= timedelta(minutes=10)
    assert "what it may do" in waiting["last_error"]
    assert {each["status"] for each in outward.calls()} == {"SENT"}
    assert outward.product(CODE)["sync_due_at"] is None


@pytest.mark.parametrize("answer", ["none", "refusal"])
def test_a_product_that_is_gone_when_its_prices_are_asked_for_is_made_anew(outward: Outward, answer: str) -> None:
    gone = outward.fake.client().v1.products.create({"name": "By hand"}).id
    outward.change(CODE, price=500_001, stripe_product_id=gone, stripe_price_ids=["price_of_nobody"])
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    _one_call(outward)
    outward.fake.client().v1.products.delete(gone)

    if answer == "refusal":
        _missing(outward, gone)
    outward.sync()

    ours = outward.product(CODE)
    assert (ours["stripe_product_id"] == gone, ours["sync_due_at"]) == (False, None)
    assert [each["id"] for each in outward.fake.listed("/v1/products")] == [ours["stripe_product_id"]]
    (new,) = [each for each in outward.prices(CODE) if each["active"]]
    assert outward.fake.found(f"prices/{new['stripe_price_id']}")["product"] == ours["stripe_product_id"]
    assert {each["status"] for each in outward.calls()} == {"SENT", "VOID"}


def test_a_price_whose_product_is_gone_is_given_up_and_stripes_words_are_kept(outward: Outward) -> None:
    stripe = outward.fake.client().v1
    gone = stripe.products.create({"name": "By hand"}).id
    price = stripe.prices.create({"product": gone, "unit_amount": 500_001, "currency": "try"}).id
    outward.change(CODE, price=500_001, stripe_product_id=gone, stripe_price_ids=[price])
    upkeep.sync_products(outward.studio.engine, at=clock.now())

    _missing(outward, gone)
    _one_call(outward)
    _missing(outward, gone)
    outward.sync()
    outward.sync()

    kinds = [(each["kind"], each["status"]) for each in outward.calls()]
    assert kinds == [("PRODUCT_UPDATE", "VOID"), ("PRICE_LIST", "SENT"), ("PRODUCT_UPDATE", "PARKED")]
    assert outward.calls()[-1]["last_error"] == f"No such product: '{gone}'"
    assert outward.product(CODE)["sync_due_at"] is not None


def _missing(outward: Outward, product: str) -> None:
    """Let Stripe say of the next call that it has no such product."""
    (row,) = call_rows.lease(outward.studio.engine, TOKEN, 1)
    said = No(f"No such product: '{product}'", "resource_missing", "product")
    call_rows.settle(outward.studio.engine, row, TOKEN, said)


def _read_again() -> None:
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()


def test_all_prices_of_a_product_are_looked_at(outward: Outward) -> None:
    stripe = outward.fake.client().v1
    product = stripe.products.create({"name": "By hand"})
    for amount in range(1, 131):
        stripe.prices.create({"product": product.id, "unit_amount": amount, "currency": "try"})
    oldest = outward.fake.listed("/v1/prices")[-1]["id"]
    outward.price(CODE, oldest)

    synced(outward, stripe_product_id=product.id, price=1)

    assert [(each["stripe_price_id"], each["unit_amount"]) for each in outward.prices(CODE)] == [(oldest, 1)]
