"""Webhooks: to whom, signed how, and sent as badly as somebody asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import stripe

from tests.fake_stripe import shop
from tests.fakestripe import FakeStripe, serving
from webhook_gateway.signature import verify
from worker import clock

SECRET = "whsec_of_the_tests"


class Receiver:
    """A server that takes webhooks, or refuses the first few."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str]] = []
        self.refusing = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.refusing -= 1
                if receiver.refusing < 0:
                    receiver.taken.append((body, self.headers["Stripe-Signature"]))
                self.send_response(200 if receiver.refusing < 0 else 503)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.taken]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def sending(receiver: Receiver) -> Iterator[FakeStripe]:
    """Give a Stripe whose every event goes to the receiver."""
    with serving(webhook=(receiver.url, SECRET)) as fake:
        yield fake


def test_our_own_gateway_takes_the_signature_and_stripes_library_too(sending: FakeStripe, receiver: Receiver) -> None:
    shop.paid(sending)
    sending.flush()

    body, signature = receiver.taken[-1]
    assert verify(body, signature, [SECRET], at=clock.now()) == SECRET
    event = stripe.Webhook.construct_event(body, signature, SECRET)
    assert event.type == "checkout.session.completed"
    assert receiver.ids == [event["id"] for event in sending.events()]


def test_an_endpoint_is_sent_what_it_wants_with_a_secret_of_its_own(fake: FakeStripe, receiver: Receiver) -> None:
    endpoints = fake.client().v1.webhook_endpoints
    made = endpoints.create({"url": receiver.url, "enabled_events": ["charge.succeeded"]})
    assert made.secret

    shop.paid(fake)
    fake.flush()
    endpoints.update(made.id, {"disabled": True})
    shop.paid(fake)
    fake.flush()

    assert [event["type"] for event in receiver.events] == ["charge.succeeded"]
    body, signature = receiver.taken[0]
    assert verify(body, signature, [made.secret], at=clock.now())
    assert "secret" not in endpoints.retrieve(made.id).to_dict()
    assert endpoints.delete(made.id).deleted


def test_what_was_refused_is_sent_again(sending: FakeStripe, receiver: Receiver) -> None:
    receiver.refusing = 3

    shop.price(sending)
    sending.flush()

    assert sorted(receiver.ids) == sorted(event["id"] for event in sending.events())


def test_what_was_not_sent_is_sent_by_the_next_run(receiver: Receiver, tmp_path: Path) -> None:
    data = tmp_path / "stripe.db"
    with serving(data, webhook=("http://127.0.0.1:1/", SECRET)) as before:
        shop.price(before)
    with serving(data, webhook=(receiver.url, SECRET)) as after:
        after.flush()

        assert receiver.ids == [event["id"] for event in after.events()]


def test_what_is_dropped_is_named_and_can_be_sent_again(sending: FakeStripe, receiver: Receiver) -> None:
    sending.webhooks(drop=0.4, seed=7)
    for _ in range(3):
        shop.paid(sending)
    sending.flush()

    everything, dropped = {event["id"] for event in sending.events()}, set(sending.dropped())
    assert dropped
    assert set(receiver.ids) == everything - dropped
    for event in dropped:
        sending.resend(event)
    sending.flush()
    assert set(receiver.ids) == everything


def test_the_same_seed_drops_the_same(sending: FakeStripe) -> None:
    dropped = []
    for _ in range(2):
        before = len(sending.events())
        sending.webhooks(drop=0.5, seed=11)
        shop.paid(sending)
        ids = [event["id"] for event in sending.events()[before:]]
        dropped.append([ids.index(each) for each in sending.dropped()])

    assert dropped[0] == dropped[1]


def test_webhooks_are_doubled_and_in_any_order(sending: FakeStripe, receiver: Receiver) -> None:
    sending.webhooks(duplicate=1, shuffle=True, seed=3)
    for _ in range(3):
        shop.paid(sending)
    sending.flush()

    ids = [event["id"] for event in sending.events()]
    assert sorted(receiver.ids) == sorted(ids * 2)
    assert receiver.ids != ids * 2
    assert [each for at, each in enumerate(receiver.ids) if each not in receiver.ids[:at]] != ids


def test_an_old_endpoint_is_told_in_the_old_shape(sending: FakeStripe, receiver: Receiver) -> None:
    sending.webhooks(shape="old")
    key = shop.subscribed(sending)
    sending.refund(shop.told(sending, "payment_intent.succeeded")["id"], 100)
    sending.flush()

    told = {event["type"]: event["data"]["object"] for event in receiver.events}
    subscription, invoice = told["customer.subscription.created"], told["invoice.paid"]
    item = sending.found(f"subscriptions/{key}")["items"]["data"][0]
    assert subscription["current_period_end"] == item["current_period_end"]
    assert "current_period_end" not in subscription["items"]["data"][0]
    assert invoice["subscription"] == key
    assert invoice["payment_intent"] == told["payment_intent.succeeded"]["id"]
    assert invoice["lines"]["data"][0]["price"]["id"] == item["price"]["id"]
    assert "parent" not in invoice
    assert told["charge.refunded"]["refunds"]["data"][0]["amount"] == 100
    assert told["payment_intent.succeeded"]["invoice"] == invoice["id"]
    assert {event["api_version"] for event in receiver.events} == {"2024-06-20"}
