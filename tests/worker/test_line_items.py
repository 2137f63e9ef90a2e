"""Where metadata does not say what was bought, Stripe is asked; here a server that answers as Stripe does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
import redis

from db.transaction import transaction
from domain.inbox.event_replay import replay
from tasks import stripe as tasks
from tests.stack import wait_for
from tests.stripe_objects import checkout, intent
from tests.studio import Studio
from worker import clock, runtime, stripe_api
from worker.call_rows import lease
from worker.hints import CALLS, token
from worker.inbox import MAX_ATTEMPTS
from worker.line_items import settle, take_one
from worker.runtime import settings
from worker.stripe_ask import No
from worker.stripe_calls import BREAKER, make_calls

ANOTHER = "22222222-2222-2222-2222-222222222222"


class Answers(ThreadingHTTPServer):
    """Answers every request with the same status and line items; remembers what it was asked."""

    status = 200
    code: str | None = None
    lines: tuple[tuple[str, int], ...] = ()
    holds: Event | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str | None]] = []


class Answer(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Stripe-Account")))
        if self.server.holds:
            self.server.holds.wait(20)
        data = [
            {"id": f"li_{price}", "object": "item", "price": {"id": price, "object": "price"}, "quantity": quantity}
            for price, quantity in self.server.lines
        ]
        page = {"object": "list", "data": data, "has_more": False, "url": self.path}
        error = {"error": {"type": "api_error", "message": "away", "code": self.server.code}}
        body = json.dumps(page if self.server.status == 200 else error).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def stripe(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    server = Answers()
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_of_the_tests")
    monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{server.server_port}")
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()
    studio.rows(
        "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id)"
        " SELECT organization_id, 'price_' || code, id FROM products"
    )
    yield server
    server.shutdown()
    server.server_close()
    stripe_api.client.cache_clear()


def work(studio: Studio) -> None:
    """Do what the task does: act, ask, and act on the answers."""
    for _ in range(MAX_ATTEMPTS + 1):
        studio.drain()
        BREAKER.served(settings().stripe_api_base or "")
        make_calls(studio.engine)
        studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    studio.drain()


def test_the_line_items_decide_one_package_per_unit(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 2), ("price_SINGLE-RIDE", 1))
    event = checkout(None, amount=1_150_000)

    studio.receive(event)
    work(studio)

    order = studio.one("SELECT * FROM orders")
    units = studio.rows("SELECT product_code, line, unit FROM student_packages ORDER BY line, unit")
    assert [tuple(row.values()) for row in units] == [("EXPLORER-5", 0, 0), ("EXPLORER-5", 0, 1), ("SINGLE-RIDE", 1, 0)]
    assert (order["list_price"], order["product_id"], order["price_mismatch"]) == (1_150_000, None, False)
    assert order["package_metadata"]["total_sessions"] == 11
    assert len(stripe.asked) == 1
    assert stripe.asked[0][0].startswith(f"/v1/checkout/sessions/{event['data']['object']['id']}/line_items")
    assert studio.audit() == []


def test_metadata_that_names_the_product_asks_nobody(studio: Studio, stripe: Answers) -> None:
    studio.receive(checkout())

    work(studio)

    assert stripe.asked == []
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_the_intent_of_such_a_checkout_is_not_held_up(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)
    told = intent()
    studio.receive(checkout(None), told)

    studio.drain()
    before = studio.event(told)["status"]
    work(studio)

    assert before == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_one_unknown_line_parks_the_whole(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1), ("price_unknown", 1))
    event = checkout(None)

    studio.receive(event)
    work(studio)

    parked = studio.event(event)
    assert (parked["status"], parked["error_code"], parked["waits_for"]) == (
        "FAILED",
        "unknown_product",
        "product:price_unknown",
    )
    assert studio.packages() == []


def test_line_items_that_say_nothing_park_the_purchase(studio: Studio, stripe: Answers) -> None:
    event = checkout(None)

    studio.receive(event)
    work(studio)

    assert studio.event(event)["error_code"] == "unrecognised_purchase"


def test_a_stripe_that_is_away_for_long_is_asked_again_and_nothing_is_parked(studio: Studio, stripe: Answers) -> None:
    stripe.status = 500
    event = checkout(None)
    studio.receive(event)

    for _ in range(3):
        work(studio)

    waiting = studio.event(event)
    assert (waiting["status"], waiting["asks"] > MAX_ATTEMPTS, waiting["attempts"]) == ("RECEIVED", True, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_by_stripe_parks_the_purchase_with_what_to_do(studio: Studio, stripe: Answers, status: int) -> None:
    stripe.status = status
    event = checkout(None)

    studio.receive(event)
    work(studio)

    assert studio.event(event)["error_code"] == "stripe_unavailable"
    assert "STRIPE_API_KEY" in studio.event(event)["last_error"]
    assert len(stripe.asked) == 1


def test_a_purchase_of_which_a_key_may_not_ask_is_fulfilled_once_it_may(studio: Studio, stripe: Answers) -> None:
    stripe.status, stripe.lines = 403, (("price_EXPLORER-5", 1),)
    event = checkout(None)
    studio.receive(event)
    work(studio)
    parked = studio.event(event)["status"]

    stripe.status = 200
    with transaction(studio.engine) as session:
        replay(session, studio.event(event)["id"], None, at=clock.now())
    work(studio)

    assert (parked, studio.event(event)["status"]) == ("FAILED", "PROCESSED")
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_checkout_that_stripe_does_not_have_is_parked_as_what_it_is(studio: Studio, stripe: Answers) -> None:
    stripe.status, stripe.code = 404, "resource_missing"
    event = checkout(None)

    studio.receive(event)
    work(studio)

    assert studio.event(event)["error_code"] == "unrecognised_purchase"
    assert "no such Checkout" in studio.event(event)["last_error"]


def test_an_old_purchase_can_still_be_asked_for(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)
    studio.receive(checkout(None))
    studio.rows("UPDATE stripe_events SET received_at = received_at - interval '10 days'")

    work(studio)

    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_both_stages_of_a_delayed_payment_asked_for_are_one_package(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)

    studio.receive(checkout(None, paid="unpaid"), checkout(None, kind="checkout.session.async_payment_succeeded"))
    work(studio)

    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.one("SELECT list_price FROM orders")["list_price"] == 500_000


def test_a_cart_of_thousands_is_parked(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1_000), ("price_CORE-10", 1_000))
    event = checkout(None)

    studio.receive(event)
    work(studio)

    assert studio.event(event)["error_code"] == "purchase_too_large"
    assert studio.count("student_packages") == 0


def test_a_stripe_that_comes_back_is_heard(studio: Studio, stripe: Answers) -> None:
    stripe.status, stripe.lines = 500, (("price_CORE-10", 1),)
    studio.receive(checkout(None, amount=800_000))
    studio.drain()
    make_calls(studio.engine)

    stripe.status = 200
    BREAKER.served(settings().stripe_api_base or "")
    studio.rows("UPDATE stripe_events SET due_at = received_at")
    work(studio)

    assert studio.packages() == [("CORE-10", "ada")]


def test_a_connected_account_is_asked_in_its_own_name(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)
    studio.rows("UPDATE organizations SET stripe_account_id = 'acct_lumen' WHERE slug = 'lumen'")

    studio.receive(checkout(None) | {"account": "acct_lumen"})
    work(studio)

    assert stripe.asked[0][1] == "acct_lumen"
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_drain_asks_nobody_and_says_that_there_is_something_to_ask(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)
    studio.receive(checkout(None))

    with redis.Redis.from_url(settings().broker_url) as broker:
        broker.flushall()
        tasks.drain.run()
        hinted = broker.llen("stripe"), broker.exists(token(CALLS))
        broker.flushall()

    assert stripe.asked == []
    assert hinted == (1, 1)


def test_while_one_process_asks_what_was_sold_no_other_asks_stripe_for_anything(
    studio: Studio, stripe: Answers
) -> None:
    stripe.holds, stripe.lines = Event(), (("price_EXPLORER-5", 1),)
    studio.receive(checkout(None), checkout(None, payment="pi_other", student="grace"))
    studio.drain()

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(make_calls, studio.engine)
        wait_for(lambda: stripe.asked, what="the one that hangs")
        make_calls(studio.engine)
        leased = lease(studio.engine, ANOTHER, 8)
        meanwhile = len(stripe.asked)
        waits = [row["waits_for"] for row in studio.rows("SELECT waits_for FROM stripe_events ORDER BY waits_for")]
        stripe.holds.set()
        asking.result()
    studio.drain()

    assert (meanwhile, waits, leased) == (1, ["stripe:asking", "stripe:line_items"], [])
    assert len(stripe.asked) == 2
    assert sorted(studio.packages()) == [("EXPLORER-5", "ada"), ("EXPLORER-5", "grace")]


def test_while_another_process_makes_calls_nobody_asks_what_was_sold(studio: Studio, stripe: Answers) -> None:
    studio.receive(checkout(None))
    studio.drain()
    studio.rows(
        "INSERT INTO stripe_calls (organization_id, kind, params, context, message_id, due_at, created_at, lease_token,"
        " lease_until) SELECT id, 'PRODUCT_CREATE', '{}', '{}', gen_random_uuid(), now(), now(), gen_random_uuid(),"
        " clock_timestamp() + interval '1 minute' FROM organizations WHERE slug = 'lumen'"
    )

    make_calls(studio.engine)

    assert stripe.asked == []
    assert studio.one("SELECT waits_for FROM stripe_events") == {"waits_for": "stripe:line_items"}


def test_a_stripe_that_is_left_alone_is_not_asked_what_was_sold(studio: Studio, stripe: Answers) -> None:
    studio.receive(checkout(None))
    studio.drain()
    BREAKER.failed(settings().stripe_api_base or "")

    make_calls(studio.engine)

    assert stripe.asked == []


def test_a_stripe_that_cannot_be_reached_for_what_was_sold_is_left_alone(
    studio: Studio, stripe: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:1")
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()
    studio.receive(checkout(None))
    studio.drain()

    make_calls(studio.engine)

    assert BREAKER.failures("http://127.0.0.1:1") == 3
    assert stripe.asked == []


def test_who_died_while_it_asked_is_followed(studio: Studio, stripe: Answers) -> None:
    stripe.lines = (("price_EXPLORER-5", 1),)
    studio.receive(checkout(None))
    studio.drain()
    taken = take_one(studio.engine, ANOTHER)

    work(studio)
    late = No("too late")
    assert taken
    settle(studio.engine, taken, late)

    assert studio.packages() == [("EXPLORER-5", "ada")]
