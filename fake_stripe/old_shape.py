"""Events in the shape that endpoints of before March 2025 are still sent."""

from __future__ import annotations

from copy import deepcopy

from fake_stripe.listing import listed
from fake_stripe.nouns.subscription import plan
from fake_stripe.store import Json, Store

API_VERSION = "2024-06-20"


def event(store: Store, told: Json) -> Json:
    """Return an event as an old endpoint gets it."""
    old = deepcopy(told) | {"api_version": API_VERSION}
    obj = old["data"]["object"]
    if turn := TURNS.get(obj["object"]):
        turn(store, obj)
    return old


def _subscription(_store: Store, obj: Json) -> None:
    """The period stands on the subscription."""
    for item in obj["items"]["data"]:
        for name in ("current_period_start", "current_period_end"):
            obj[name] = item.pop(name)
    first = obj["items"]["data"][0]
    obj |= {"plan": first["plan"], "quantity": first["quantity"], "discount": None}
    for name in ("billing_mode", "customer_account"):
        obj.pop(name)


def _invoice(store: Store, obj: Json) -> None:
    """The invoice names its subscription and its PaymentIntent."""
    details = obj.pop("parent")["subscription_details"]
    intent = _intent(store, obj["id"])
    obj |= {
        "charge": (intent or {}).get("latest_charge"),
        "discount": None,
        "paid": obj["status"] == "paid",
        "payment_intent": intent and intent["id"],
        "subscription": details["subscription"],
        "subscription_details": {"metadata": details["metadata"]},
        "tax": None,
    }
    for line in obj["lines"]["data"]:
        _line(store, line, details["subscription"])


def _line(store: Store, line: Json, subscription: str) -> None:
    price = store.get("price", line.pop("pricing")["price_details"]["price"])
    item = line.pop("parent")["subscription_item_details"]["subscription_item"]
    line |= {"plan": plan(price), "price": price, "proration": False, "subscription": subscription}
    line |= {"subscription_item": item, "type": "subscription"}


def _intent(store: Store, invoice: str) -> Json | None:
    paid = store.where("invoice_payment", "invoice", invoice)
    return store.find("payment_intent", paid[0]["payment"]["payment_intent"]) if paid else None


def _charge(store: Store, obj: Json) -> None:
    """A charge lists its refunds and names its invoice."""
    refunds = store.where("refund", "charge", obj["id"])
    obj |= {"refunds": listed(refunds, f"/v1/charges/{obj['id']}/refunds"), "invoice": _billed(store, obj)}


def _payment_intent(store: Store, obj: Json) -> None:
    """A PaymentIntent names its invoice."""
    obj["invoice"] = _billed(store, {"payment_intent": obj["id"]})


def _billed(store: Store, obj: Json) -> str | None:
    for each in store.walk("invoice_payment"):
        if each["payment"]["payment_intent"] == obj["payment_intent"]:
            return str(each["invoice"])
    return None


TURNS = {
    "subscription": _subscription,
    "invoice": _invoice,
    "charge": _charge,
    "payment_intent": _payment_intent,
}
