"""A studio that may ask a Stripe of the tests, with a verb for each thing that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from cli.demo import DEMO
from tests.fakestripe import FakeStripe
from tests.fakestripe import fake as fake  # noqa: PLC0414 - the fixture
from tests.studio import MOST_BATCHES, Studio
from tests.timetable import Outcome, Timetable
from worker import call_rows, clock, runtime, stripe_api, stripe_calls, upkeep
from worker.stripe_ask import No
from worker.stripe_calls import make_calls

Row = dict[str, Any]
PAGE = {"successUrl": "https://lumen.example/thanks", "cancelUrl": "https://lumen.example/"}
TOKEN = "33333333-3333-3333-3333-333333333333"
# A Stripe that hangs is waited for so long.
PATIENCE = 1


@dataclass(frozen=True)
class Outward:
    """A studio with a key, and the Stripe that it asks."""

    fake: FakeStripe
    timetable: Timetable

    @property
    def studio(self) -> Studio:
        return self.timetable.studio

    def call(self) -> None:
        """Make every call that is due, and those that follow."""
        make_calls(self.studio.engine)

    def again(self) -> None:
        """Let time pass, until what was put off is due and Stripe is asked again; then make the calls."""
        stripe_calls.BREAKER.served(self.fake.base)
        self.studio.rows("UPDATE stripe_calls SET due_at = created_at, lease_until = NULL WHERE status = 'PENDING'")
        self.call()

    def sync(self) -> None:
        """Bring products to Stripe."""
        for _ in range(MOST_BATCHES):
            self.call()
            if not upkeep.sync_products(self.studio.engine, at=clock.now()):
                return
        raise AssertionError("a product stays due")

    def ask(self, student: str = "ada", code: str = "EXPLORER-5", *, org: str = "lumen", **more: Any) -> int:
        """Store the command of a Checkout, and begin with it."""
        job = self.timetable.ask("checkout.create", student, org=org, productCode=code, **PAGE | more)
        self.timetable.work()
        return job

    def checkout(self, student: str = "ada", code: str = "EXPLORER-5", **more: Any) -> Outcome:
        """Ask for a Checkout; return what came of it."""
        job = self.ask(student, code, **more)
        self.call()
        return self.timetable.outcome(job)

    def page(self, outcome: Outcome) -> Row:
        """Return a Checkout as Stripe has it."""
        assert outcome.result, outcome.problem
        return self.fake.found(f"checkout/sessions/{outcome.result['id']}")

    def sent(self, outcome: Outcome) -> Row:
        """Return what Stripe was asked for when it made a Checkout."""
        assert outcome.result, outcome.problem
        (call,) = [each for each in self.fake.calls("/v1/checkout/sessions", "POST") if each["status"] == 200][-1:]
        return dict(call["params"])

    def calls(self) -> list[Row]:
        return self.studio.rows("SELECT * FROM stripe_calls ORDER BY id")

    def made(self, method: str = "POST") -> list[str]:
        """Return the paths that were asked for and done, oldest first, without ids."""
        return [_plain(each["path"]) for each in self.fake.calls(method=method) if each["status"] == 200]

    def change(self, code: str, *, org: str = "lumen", **values: Any) -> None:
        """Apply a product of the demo with other values."""
        studios = yaml.safe_load(DEMO.read_text())["organizations"]
        said = next(each for each in studios if each["slug"] == org)
        kept = {name: value for name, value in said.items() if not isinstance(value, list)}
        product = next(each for each in said["products"] if each["code"] == code)
        self.studio.apply({"organizations": [kept | {"products": [product | values]}]})

    def quiet(self) -> None:
        """Let Stripe know every product of the demo already, as far as we know."""
        self.studio.rows("UPDATE products SET sync_due_at = NULL")

    def price(self, code: str, price_id: str, amount: int | None = None) -> None:
        """Let a product have a price at Stripe, of an amount that is known or not."""
        self.studio.rows(
            "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id, unit_amount, currency)"
            " SELECT organization_id, %(price)s, id, %(amount)s, CASE WHEN %(amount)s::bigint > 0 THEN currency END"
            " FROM products WHERE code = %(code)s",
            code=code,
            price=price_id,
            amount=amount,
        )

    def refuse(self, code: str = "EXPLORER-5", amount: int = 500_000) -> None:
        """Let Stripe refuse for good to sell a product: its price there is that of a subscription."""
        odd: Any = {"product_data": {"name": "odd"}, "recurring": {"interval": "month"}}
        made = self.fake.client().v1.prices.create(odd | {"currency": "try", "unit_amount": amount})
        self.price(code, made.id, amount)

    def refuse_product(self, code: str) -> None:
        """Let Stripe refuse for good to be told of a product."""
        self.change(code, stripe_product_id="prod_of_nobody")
        upkeep.sync_products(self.studio.engine, at=clock.now())
        (row,) = call_rows.lease(self.studio.engine, TOKEN, 1)
        call_rows.settle(self.studio.engine, row, TOKEN, No("Stripe does not like the name."))

    def product(self, code: str) -> Row:
        return self.studio.one("SELECT * FROM products WHERE code = %(code)s", code=code)

    def prices(self, code: str) -> list[Row]:
        return self.studio.rows(
            "SELECT s.* FROM stripe_prices s JOIN products p ON p.id = s.product_id WHERE p.code = %(code)s"
            " ORDER BY s.unit_amount",
            code=code,
        )


def _plain(path: str) -> str:
    parts = path.removeprefix("/v1/").split("/")
    return "/".join(part for part in parts if "_" not in part)


@pytest.fixture
def outward(timetable: Timetable, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outward]:
    """Give the demo studios with a key for a Stripe that knows none of their products, and is told of none."""
    monkeypatch.setenv("STRIPE_API_KEY", fake.key)
    monkeypatch.setenv("STRIPE_API_BASE", fake.base)
    monkeypatch.setattr(stripe_api, "STRIPE_TIMEOUT_SECONDS", PATIENCE)
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()
    asking = Outward(fake, timetable)
    asking.quiet()
    yield asking
    fake.behave()
    stripe_api.client.cache_clear()
