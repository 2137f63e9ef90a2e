"""PaymentIntents and charges: read only, since Checkouts make them."""

from __future__ import annotations

from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.listing import page, same
from fake_stripe.store import Json


def intents(fake: Fake, params: Params) -> Json:
    """List PaymentIntents."""
    of = same("customer", params.text("customer"))
    return page(fake.store, "payment_intent", params, "/v1/payment_intents", of)


def update_intent(fake: Fake, params: Params, intent: str) -> Json:
    """Change the metadata and the description of a PaymentIntent."""
    found = fake.store.get("payment_intent", intent)
    found["description"] = params.text("description", found["description"])
    found["metadata"] = params.metadata(found["metadata"])
    return fake.store.put("payment_intent", found)


def charges(fake: Fake, params: Params) -> Json:
    """List charges."""
    fits = [same(name, params.text(name)) for name in ("customer", "payment_intent")]
    return page(fake.store, "charge", params, "/v1/charges", *fits)


def refunds(fake: Fake, params: Params, charge: str) -> Json:
    """List the refunds of a charge."""
    fake.store.get("charge", charge)
    return page(fake.store, "refund", params, f"/v1/charges/{charge}/refunds", same("charge", charge))
