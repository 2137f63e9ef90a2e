"""A shop with things to sell, and Checkouts that sell them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakestripe import FakeStripe, Json

# The fields of Stripe's objects, as its public specification has them.
INVOICE_HAS_NOT = {"payment_intent", "subscription", "charge", "paid", "payments"}
DONE = "https://shop.example/done?id={CHECKOUT_SESSION_ID}"


def price(fake: FakeStripe, amount: int = 500_000, currency: str = "try", **members: Any) -> str:
    client = fake.client()
    product = client.v1.products.create({"name": "Explorer 5"})
    made = client.v1.prices.create({"product": product.id, "unit_amount": amount, "currency": currency, **members})  # type: ignore[typeddict-item]
    return made.id


def monthly(fake: FakeStripe, amount: int = 90_000) -> str:
    return price(fake, amount, recurring={"interval": "month"})


def checkout(fake: FakeStripe, sold: str | None = None, mode: str = "payment", **members: Any) -> str:
    """A Checkout of one price; by default five rides at once."""
    lines = [{"price": sold or (monthly(fake) if mode == "subscription" else price(fake)), "quantity": 1}]
    wanted: Any = {"mode": mode, "line_items": lines, "success_url": DONE, **members}
    return fake.client().v1.checkout.sessions.create(wanted).id


def paid(fake: FakeStripe, **members: Any) -> str:
    """The PaymentIntent of a Checkout that was paid."""
    return str(fake.pay(checkout(fake, **members))["payment_intent"])


def subscribed(fake: FakeStripe, **members: Any) -> str:
    """A subscription that was begun."""
    return str(fake.pay(checkout(fake, mode="subscription", **members))["subscription"])


def told(fake: FakeStripe, kind: str) -> Json:
    """What the last event of a type tells of."""
    return dict(fake.events(kind)[-1]["data"]["object"])


def database(folder: Path) -> Path:
    return folder / "stripe.db"
