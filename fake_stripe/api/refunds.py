"""Refunds and disputes."""

from __future__ import annotations

from fake_stripe.acts import disputing, refunding
from fake_stripe.error import Refused, missing
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.listing import page, same
from fake_stripe.store import Json

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(fake: Fake, params: Params) -> Json:
    """Refund a charge, or the one that paid a PaymentIntent, in part or what is left of it."""
    charge = _charge(fake, params)
    amount, reason = params.integer("amount", least=1), params.choice("reason", REASONS)
    status = fake.refunds_become
    return refunding.refund(fake, charge, amount, reason=reason, metadata=params.metadata(), status=status)


def update(fake: Fake, params: Params, refund: str) -> Json:
    """Change the metadata of a refund."""
    found = fake.store.get("refund", refund)
    found["metadata"] = params.metadata(found["metadata"])
    fake.emit("refund.updated", fake.store.put("refund", found))
    return found


def cancel(fake: Fake, params: Params, refund: str) -> Json:
    """Take back a refund that waits for the customer."""
    return refunding.cancel(fake, refund)


def listing(fake: Fake, params: Params) -> Json:
    """List refunds."""
    fits = [same(name, params.text(name)) for name in ("charge", "payment_intent")]
    return page(fake.store, "refund", params, "/v1/refunds", *fits)


def disputes(fake: Fake, params: Params) -> Json:
    """List disputes."""
    fits = [same(name, params.text(name)) for name in ("charge", "payment_intent")]
    return page(fake.store, "dispute", params, "/v1/disputes", *fits)


def close(fake: Fake, params: Params, dispute: str) -> Json:
    """Accept a dispute, which loses it."""
    return disputing.lose(fake, dispute)


def _charge(fake: Fake, params: Params) -> Json:
    key, intent = params.text("charge"), params.text("payment_intent")
    if (key is None) == (intent is None):
        said = "One of the following params should be provided for this request: payment_intent or charge."
        raise Refused(said, code="parameter_missing")
    if key is not None:
        return fake.store.get("charge", key, param="charge")
    found = fake.store.find("payment_intent", str(intent))
    if found is None:
        raise missing("payment_intent", str(intent), param="payment_intent")
    if found["status"] != "succeeded":
        said = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        raise Refused(said, param="payment_intent", kept=True)
    return fake.store.get("charge", found["latest_charge"])
