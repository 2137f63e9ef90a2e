"""A till at a Stripe of the tests: purchases, refunds and renewals, of which some webhooks never arrive."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from structlog.testing import capture_logs

from tests.fakestripe import FakeStripe
from tests.studio import Studio
from worker.stripe_event import HANDLED

Json = dict[str, Any]
# A Checkout that names no price makes a product of its own, which no catalog knows.
OF_PURCHASES = [each for each in HANDLED if not each.startswith(("product.", "price."))]
PRICES = {"SINGLE-RIDE": 150_000, "EXPLORER-5": 500_000, "CORE-10": 800_000}


@dataclass
class Till:
    """Sells at a Stripe, and brings its events to the studio, all or some."""

    fake: FakeStripe
    studio: Studio
    told: set[str] = field(default_factory=set)

    def buy(
        self,
        code: str | None = "EXPLORER-5",
        student: str = "ada",
        *,
        amount: int | None = None,
        metadata: Json | None = None,
        price: str | None = None,
    ) -> str:
        """Buy a package, and return the PaymentIntent, of what is free the Checkout."""
        said = {"org": "lumen", "product_code": code} if metadata is None and code else metadata or {}
        made: Json = {"currency": "try", "product_data": {"name": str(code)}}
        made |= {"unit_amount": PRICES.get(code or "", 500_000) if amount is None else amount}
        params: Any = {
            "mode": "payment",
            "success_url": "https://lumen.example/thanks",
            "line_items": [{"price": price, "quantity": 1} if price else {"price_data": made, "quantity": 1}],
            "client_reference_id": student,
            "metadata": said,
        }
        if amount != 0:
            params["payment_intent_data"] = {"metadata": said}
        session = self.fake.client().v1.checkout.sessions.create(params)
        self.fake.pay(session.id, email=f"{student}@example.com")
        return str(self.fake.found(f"checkout/sessions/{session.id}")["payment_intent"] or session.id)

    def subscribe(self, code: str = "ALL-ACCESS-30", student: str = "ada", *, amount: int = 2_100_000) -> str:
        """Begin a subscription by the month, and return it."""
        self.studio.rows("UPDATE products SET billing_interval = 'MONTH' WHERE code = %(code)s", code=code)
        said = {"org": "lumen", "product_code": code}
        made = {"currency": "try", "unit_amount": amount, "product_data": {"name": code}}
        made["recurring"] = {"interval": "month"}
        params: Any = {
            "mode": "subscription",
            "success_url": "https://lumen.example/thanks",
            "line_items": [{"price_data": made, "quantity": 1}],
            "client_reference_id": student,
            "metadata": said,
            "subscription_data": {"metadata": said},
        }
        session = self.fake.client().v1.checkout.sessions.create(params)
        self.fake.pay(session.id, email=f"{student}@example.com")
        return str(self.fake.found(f"checkout/sessions/{session.id}")["subscription"])

    def untold(self) -> list[Json]:
        """Return the events of purchases that were not brought yet, oldest first."""
        return [each for each in self.fake.events(*OF_PURCHASES) if each["id"] not in self.told]

    def deliver(self, *, but: Collection[str] = ()) -> None:
        """Bring all events but those, and act on them; those of products too."""
        events = [each for each in self.fake.events(*HANDLED) if each["id"] not in self.told]
        self.told |= {each["id"] for each in events}
        self.studio.deliver(*(each for each in events if each["id"] not in but))

    def lose(self, share: float, seed: int) -> list[str]:
        """Bring the events but for a share of them, and return the ids of those that were lost."""
        ids = [each["id"] for each in self.untold()]
        lost = random.Random(seed).sample(ids, round(len(ids) * share))
        self.deliver(but=lost)
        return sorted(lost)


@contextmanager
def at_work(studio: Studio) -> Iterator[None]:
    """Have events acted on in a thread, as a worker does, for a block."""
    done = Event()

    def work() -> None:
        while not done.wait(0.05):
            studio.drain()

    thread = Thread(target=work, daemon=True)
    # What a worker logs is not what the command says.
    with capture_logs():
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(20)
