"""A Stripe in a thread of the tests: the official library talks to it, and it sends signed webhooks."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from stripe import RequestsClient, StripeClient

from fake_stripe.fake import Fake
from fake_stripe.server import Running

Json = dict[str, Any]
KEY = "sk_fake_of_the_tests"
ANSWER_SECONDS = 30
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FakeStripe:
    """A Stripe on a free port: `STRIPE_API_BASE` is its `base`, `STRIPE_API_KEY` its `key`.

    Its clock is the machine's, also where freezegun has stopped that of the tests: `at(…)` sets it.
    """

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base, key

    def client(self, *, timeout: float = 5, retries: int = 0, key: str | None = None) -> StripeClient:
        """The official library, pointed at it."""
        http = RequestsClient(timeout=timeout)
        return StripeClient(
            key or self.key, http_client=http, base_addresses={"api": self.base}, max_network_retries=retries
        )

    # What customers, banks and the clock do.

    def pay(self, checkout: str, method: str = "card", *, email: str | None = None, name: str | None = None) -> Json:
        """Pay a Checkout by `card`, `async` (a bank debit, to be settled) or a card that is `declined`."""
        return self.post(f"/_fake/checkouts/{checkout}/pay", method=method, email=email, name=name)

    def settle(self, checkout: str, *, paid: bool = True) -> Json:
        return self.post(f"/_fake/checkouts/{checkout}/settle", paid=paid)

    def expire(self, checkout: str) -> Json:
        return self.post(f"/_fake/checkouts/{checkout}/expire")

    def refund(self, payment: str, amount: int | None = None, *, status: str = "succeeded") -> Json:
        """Refund in the dashboard, by PaymentIntent or charge; `status` may be pending, or failed (later)."""
        return self.post(f"/_fake/charges/{self._charge(payment)}/refund", amount=amount, status=status)

    def succeed_refund(self, refund: str) -> Json:
        """Let a pending refund arrive."""
        return self.post(f"/_fake/refunds/{refund}/succeed")

    def fail_refund(self, refund: str) -> Json:
        return self.post(f"/_fake/refunds/{refund}/fail")

    def refunds_become(self, status: str) -> Json:
        """Say what becomes of refunds made by the API from now on: succeeded, pending, requires_action, failed."""
        return self.post("/_fake/refunds", become=status)

    def dispute(self, payment: str, *, inquiry: bool = False, amount: int | None = None) -> Json:
        """Dispute a payment, by PaymentIntent or charge."""
        return self.post(f"/_fake/charges/{self._charge(payment)}/dispute", inquiry=inquiry, amount=amount)

    def escalate(self, dispute: str) -> Json:
        """Turn an inquiry into a dispute."""
        return self.post(f"/_fake/disputes/{dispute}/escalate")

    def win(self, dispute: str) -> Json:
        return self.post(f"/_fake/disputes/{dispute}/win")

    def lose(self, dispute: str) -> Json:
        return self.post(f"/_fake/disputes/{dispute}/lose")

    def renew(self, subscription: str) -> Json:
        """Begin the next period, paid."""
        return self.post(f"/_fake/subscriptions/{subscription}/renew")

    def fail_renewal(self, subscription: str) -> Json:
        """Begin the next period, not paid: past due."""
        return self.post(f"/_fake/subscriptions/{subscription}/fail")

    def recover(self, subscription: str) -> Json:
        """Pay the invoice that a failed renewal left open."""
        return self.post(f"/_fake/subscriptions/{subscription}/recover")

    def cancel(self, subscription: str, *, at_end: bool = False) -> Json:
        """Cancel at once, or with the period's end (which `renew` or `end` then reaches)."""
        return self.post(f"/_fake/subscriptions/{subscription}/{'cancel_at_end' if at_end else 'cancel'}")

    def end(self, subscription: str) -> Json:
        """Let a subscription end as its period does."""
        return self.post(f"/_fake/subscriptions/{subscription}/end")

    def rename(self, product: str, name: str) -> Json:
        """Rename a product in the dashboard."""
        return self.post(f"/_fake/products/{product}/rename", name=name)

    # How it behaves.

    def at(self, moment: datetime | None) -> Json:
        """Set its clock; None lets it follow the machine's again."""
        return self.post("/_fake/clock", at=None if moment is None else int(moment.timestamp()))

    def faults(
        self,
        kind: str,
        path: str = "/v1/",
        *,
        method: str = "",
        times: int = 1,
        seconds: int | None = None,
        retry_after: int | None = None,
    ) -> Json:
        """Misbehave at the next calls whose path begins so.

        Kinds: timeout_before, reset, 503, 429, 409, 403 (nothing done, no answer kept); 500 (nothing done, and kept
        under the idempotency key as Stripe keeps it: the same key is answered 500 from then on); slow (holds the
        key); timeout_after, reset_after (it is done). Timeouts last 30 s, or `seconds`.
        """
        members = {"method": method, "times": times, "seconds": seconds, "retry_after": retry_after}
        return self.post("/_fake/faults", kind=kind, path=path, **members)

    def behave(self) -> Json:
        """Forget the faults that are left."""
        return self.ask("DELETE", "/_fake/faults")

    def webhooks(self, **manner: Any) -> Json:
        """Say how webhooks are sent: drop, duplicate (ratios), shuffle, delay, shape ("new" or "old"), seed."""
        return self.post("/_fake/webhooks", **manner)

    def dropped(self) -> list[str]:
        """The ids of the events that were not sent."""
        return list(self.ask("GET", "/_fake/webhooks")["dropped"])

    def flush(self, seconds: int = 20) -> None:
        """Wait until every webhook was sent and taken."""
        said = self.post("/_fake/flush", seconds=seconds)
        assert said["flushed"], f"{said['waiting']} webhooks still wait after {seconds} s"

    def resend(self, event: str) -> Json:
        return self.post(f"/_fake/events/{event}/resend")

    # What was seen.

    def calls(self, path: str = "/v1/", method: str = "") -> list[Json]:
        """The calls of the API, oldest first: method, path, params, idempotency_key, status (0: none), replayed."""
        calls: list[Json] = self.ask("GET", "/_fake/calls")["calls"]
        return [call for call in calls if call["path"].startswith(path) and call["method"].startswith(method)]

    def forget_calls(self) -> None:
        self.ask("DELETE", "/_fake/calls")

    def events(self, *types: str) -> list[Json]:
        """The events, oldest first; of some types only if they are named."""
        return [event for event in self.listed("/v1/events")[::-1] if not types or event["type"] in types]

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def found(self, path: str) -> Json:
        """One object, by its path below /v1/."""
        return self.ask("GET", f"/v1/{path}")

    def listed(self, path: str) -> list[Json]:
        """All objects of a list, newest first."""
        found: list[Json] = []
        more = True
        while more:
            after = {"starting_after": found[-1]["id"]} if found else {}
            query = urllib.parse.urlencode({"limit": 100, **after})
            page = self.ask("GET", f"{path}{'&' if '?' in path else '?'}{query}")
            found, more = found + page["data"], page["has_more"]
        return found

    def _charge(self, payment: str) -> str:
        if payment.startswith("ch_"):
            return payment
        return str(self.found(f"payment_intents/{payment}")["latest_charge"])

    def post(self, door: str, /, **members: Any) -> Json:
        return self.ask("POST", door, {name: value for name, value in members.items() if value is not None})

    def ask(self, method: str, path: str, said: Json | None = None) -> Json:
        """Ask for JSON; an error is an AssertionError that says what was answered."""
        body = None if said is None else json.dumps(said).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}{path}", body, headers, method=method)
        try:
            with _direct.open(request, timeout=ANSWER_SECONDS) as response:
                answer: Json = json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return answer


@contextmanager
def serving(
    data: Path | str = ":memory:", *, webhook: tuple[str, str] | None = None, key: str = KEY
) -> Iterator[FakeStripe]:
    """Serve for a block; `webhook` is the URL and the secret of an endpoint that gets every event."""
    with Running(Fake(data=str(data), key=key, webhook=webhook)) as fake:
        yield FakeStripe(fake.base, fake.key)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A Stripe in memory, without a webhook endpoint; `fake.client().v1.webhook_endpoints.create(…)` makes one."""
    with serving() as running:
        yield running
