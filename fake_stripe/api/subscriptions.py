"""Subscriptions, their invoices, and what was paid of these."""

from __future__ import annotations

from fake_stripe.acts import subscribing
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.listing import Fits, page, same
from fake_stripe.store import Json

ENDED = ("canceled", "incomplete_expired")
STATUSES = ("active", "past_due", "canceled", "ended", "all")


def update(fake: Fake, params: Params, subscription: str) -> Json:
    """Have a subscription end with its period, or not; change its metadata."""
    found = fake.store.get("subscription", subscription)
    metadata = params.metadata(found["metadata"])
    if metadata != found["metadata"]:
        before, found["metadata"] = {"metadata": found["metadata"]}, metadata
        fake.emit("customer.subscription.updated", fake.store.put("subscription", found), before)
    wanted = params.flag("cancel_at_period_end")
    return found if wanted is None else subscribing.cancel_at_end(fake, found, wanted=wanted)


def cancel(fake: Fake, params: Params, subscription: str) -> Json:
    """End a subscription at once, without an invoice for what is left."""
    params.flag("invoice_now")
    params.flag("prorate")
    return subscribing.cancel(fake, subscription)


def listing(fake: Fake, params: Params) -> Json:
    """List subscriptions; those that have ended only if they are asked for."""
    status = params.choice("status", STATUSES)
    return page(
        fake.store,
        "subscription",
        params,
        "/v1/subscriptions",
        same("customer", params.text("customer")),
        _of_status(status),
        _of_price(params.text("price")),
    )


def invoices(fake: Fake, params: Params) -> Json:
    """List invoices."""
    subscription = params.text("subscription")
    of: Fits = lambda each: (  # noqa: E731 - one of several
        subscription is None or each["parent"]["subscription_details"]["subscription"] == subscription
    )
    fits = [same(name, params.text(name)) for name in ("customer", "status")]
    return page(fake.store, "invoice", params, "/v1/invoices", of, *fits)


def invoice_payments(fake: Fake, params: Params) -> Json:
    """List what was paid of invoices: of one, or by one PaymentIntent."""
    payment = params.member("payment")
    intent = payment.text("payment_intent") if payment else None
    if payment:
        payment.choice("type", ("payment_intent",))
    by: Fits = lambda each: intent is None or each["payment"]["payment_intent"] == intent  # noqa: E731 - one of several
    fits = [same(name, params.text(name)) for name in ("invoice", "status")]
    return page(fake.store, "invoice_payment", params, "/v1/invoice_payments", by, *fits)


def _of_status(status: str | None) -> Fits:
    if status == "all":
        return lambda _: True
    if status in {None, "ended"}:
        return lambda each: (each["status"] in ENDED) == (status == "ended")
    return same("status", status)


def _of_price(price: str | None) -> Fits:
    return lambda each: price is None or any(item["price"]["id"] == price for item in each["items"]["data"])
