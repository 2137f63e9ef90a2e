"""How it is called: keys, errors, idempotency, pages, faults."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.fake_stripe import shop
from tests.fakestripe import FakeStripe, serving


def test_a_wrong_key_is_refused(fake: FakeStripe) -> None:
    with pytest.raises(stripe.AuthenticationError):
        fake.client(key="sk_fake_other").v1.products.list()


def test_nobody_else_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "stripe.db"

    with serving(str(path)):
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}

    assert "stripe.db" in modes
    assert set(modes.values()) == {0o600}


def test_what_is_not_there_is_told_as_stripe_tells_it(fake: FakeStripe) -> None:
    client = fake.client()

    with pytest.raises(stripe.InvalidRequestError) as named:
        client.v1.refunds.create({"charge": "ch_none"})
    with pytest.raises(stripe.InvalidRequestError) as asked:
        client.v1.products.retrieve("prod_none")
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        client.v1.tax_rates.list()

    assert (named.value.http_status, named.value.code, named.value.param) == (400, "resource_missing", "charge")
    assert (asked.value.http_status, asked.value.code) == (404, "resource_missing")
    assert unknown.value.http_status == 404


def test_a_parameter_that_nobody_knows_changes_nothing(fake: FakeStripe) -> None:
    wanted: Any = {"name": "Five rides", "colour": "red"}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        fake.client().v1.products.create(wanted)

    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "colour")
    assert fake.listed("/v1/products") == []
    assert fake.events() == []


def test_the_same_key_is_answered_the_same_and_done_once(fake: FakeStripe) -> None:
    client = fake.client()

    first = client.v1.products.create({"name": "A"}, {"idempotency_key": "k"})
    again = client.v1.products.create({"name": "A"}, {"idempotency_key": "k"})

    assert again.id == first.id
    assert len(fake.listed("/v1/products")) == 1
    assert [call["replayed"] for call in fake.calls("/v1/products", "POST")] == [False, True]


def test_a_key_with_another_body_is_refused(fake: FakeStripe) -> None:
    client = fake.client()
    client.v1.products.create({"name": "A"}, {"idempotency_key": "k"})

    with pytest.raises(stripe.IdempotencyError) as refused:
        client.v1.products.create({"name": "B"}, {"idempotency_key": "k"})

    assert refused.value.http_status == 400


def test_a_key_that_is_at_work_is_refused(fake: FakeStripe) -> None:
    fake.faults("slow", "/v1/products", seconds=2)
    client = fake.client()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.v1.products.create, {"name": "A"}, {"idempotency_key": "k"})
        while not fake.calls("/v1/products"):
            pass

        with pytest.raises(stripe.APIError) as refused:
            fake.client().v1.products.create({"name": "A"}, {"idempotency_key": "k"})

    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")  # type: ignore[union-attr]
    assert first.result().name == "A"


def test_what_was_wrong_with_a_request_is_not_kept(fake: FakeStripe) -> None:
    client = fake.client()
    wrong: Any = {"product": "prod_none", "unit_amount": 100, "currency": "try"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.prices.create(wrong, {"idempotency_key": "k"})

    client.v1.products.create({"id": "prod_none", "name": "Now it is there"})

    assert client.v1.prices.create(wrong, {"idempotency_key": "k"}).unit_amount == 100


@pytest.mark.parametrize(("kind", "then"), [("500", 500), ("503", 200)])
def test_an_error_of_stripes_own_is_kept_and_one_on_the_way_is_not(fake: FakeStripe, kind: str, then: int) -> None:
    fake.faults(kind)
    for _ in range(2):
        with suppress(stripe.APIError):
            fake.client().v1.products.create({"name": "A"}, {"idempotency_key": "k"})

    assert [call["status"] for call in fake.calls("/v1/products", "POST")] == [int(kind), then]
    assert len(fake.listed("/v1/products")) == (then == 200)


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("503", stripe.APIError, 503),
        ("500", stripe.APIError, 500),
        ("429", stripe.RateLimitError, 429),
        ("409", stripe.APIError, 409),
        ("403", stripe.PermissionError, 403),
        ("reset", stripe.APIConnectionError, None),
        ("timeout_before", stripe.APIConnectionError, None),
    ],
)
def test_a_fault_leaves_nothing_done_and_passes(
    fake: FakeStripe, kind: str, error: type[stripe.StripeError], status: int | None
) -> None:
    fake.faults(kind, "/v1/products", method="POST", seconds=1, retry_after=7)
    client = fake.client(timeout=0.5)

    with pytest.raises(error) as told:
        client.v1.products.create({"name": "A"})

    assert told.value.http_status == status
    assert kind != "429" or (told.value.headers or {})["Retry-After"] == "7"
    assert fake.listed("/v1/products") == []
    assert client.v1.products.create({"name": "A"}).name == "A"


@pytest.mark.parametrize("kind", ["timeout_after", "reset_after"])
def test_what_was_done_without_an_answer_is_answered_under_its_key(fake: FakeStripe, kind: str) -> None:
    payment = shop.paid(fake)
    fake.faults(kind, "/v1/refunds", method="POST", seconds=1)
    client = fake.client(timeout=0.5)

    with pytest.raises(stripe.APIConnectionError):
        client.v1.refunds.create({"payment_intent": payment}, {"idempotency_key": "k"})
    refund = client.v1.refunds.create({"payment_intent": payment}, {"idempotency_key": "k"})

    assert refund.status == "succeeded"
    assert [each["id"] for each in fake.listed("/v1/refunds")] == [refund.id]
    assert fake.calls("/v1/refunds", "POST")[0]["status"] == 0


def test_lists_come_in_pages_in_both_directions(fake: FakeStripe) -> None:
    client = fake.client()
    made = [client.v1.products.create({"name": f"Product {number}"}).id for number in range(5)]

    first = client.v1.products.list({"limit": 2})
    second = client.v1.products.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.products.list({"limit": 2, "ending_before": second.data[0].id})
    everything = [each.id for each in client.v1.products.list({"limit": 2}).auto_paging_iter()]

    assert [each.id for each in first.data] == made[:2:-1]
    assert (first.has_more, second.has_more) == (True, True)
    assert [each.id for each in back.data] == [each.id for each in first.data]
    assert everything == made[::-1]


def test_lists_know_when_and_which(fake: FakeStripe) -> None:
    client = fake.client()
    product = client.v1.products.create({"name": "A", "active": False})

    later = client.v1.products.list({"created": {"gt": product.created}})
    then = client.v1.products.list({"created": {"gte": product.created, "lte": product.created}})

    assert (later.data, [each.id for each in then.data]) == ([], [product.id])
    assert client.v1.products.list({"active": True}).data == []
    assert client.v1.events.list({"types": ["price.created"]}).data == []
    assert [each.type for each in client.v1.events.list({"type": "product.*"}).data] == ["product.created"]


def test_what_is_made_survives_a_restart(tmp_path: Any) -> None:
    with serving(tmp_path / "stripe.db") as before:
        payment = shop.paid(before)
        before.client().v1.products.create({"id": "prod_a", "name": "A"}, {"idempotency_key": "k"})

    with serving(tmp_path / "stripe.db") as after:
        again = after.client().v1.products.create({"id": "prod_a", "name": "A"}, {"idempotency_key": "k"})
        found = after.client().v1.payment_intents.retrieve(payment, {"expand": ["latest_charge.refunds"]})

    assert again.id == "prod_a"
    assert found.latest_charge.refunds.data == []  # type: ignore[union-attr]


def test_a_lookup_key_passes_from_price_to_price(fake: FakeStripe) -> None:
    client = fake.client()
    first = shop.price(fake, lookup_key="rides")
    product = client.v1.prices.retrieve(first).product
    wanted: Any = {"product": product, "unit_amount": 600, "currency": "try", "lookup_key": "rides"}

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.prices.create(wanted)
    second = client.v1.prices.create(wanted | {"transfer_lookup_key": True})

    assert [each.id for each in client.v1.prices.list({"lookup_keys": ["rides"]}).data] == [second.id]
    assert client.v1.prices.retrieve(first).lookup_key is None
    assert shop.told(fake, "price.updated")["id"] == first


def test_metadata_are_merged_and_taken_away(fake: FakeStripe) -> None:
    client = fake.client()
    client.v1.products.create({"id": "prod_a", "name": "A", "metadata": {"org": "lumen", "old": "1"}})

    changed = client.v1.products.update("prod_a", {"metadata": {"old": "", "new": "2"}})

    assert changed.metadata.to_dict() == {"org": "lumen", "new": "2"}
