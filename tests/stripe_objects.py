"""Stripe events in Stripe's real shape, as a test needs them: only what matters to it is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

Event = dict[str, Any]
EXAMPLES = Path(__file__).parents[1] / "examples"
_numbers = count(1)


def example(name: str) -> Event:
    event: Event = json.loads((EXAMPLES / f"{name}.json").read_text())
    return event


CHECKOUT = example("lumen-explorer-5")
INTENT = example("lumen-explorer-5.payment-intent")


def event(kind: str, obj: dict[str, Any], **members: Any) -> Event:
    """Wrap an object in an event with an id of its own."""
    envelope = {key: value for key, value in CHECKOUT.items() if key != "data"}
    return envelope | {"id": f"evt_{next(_numbers)}", "type": kind, "data": {"object": obj}} | members


def checkout(
    product: str | None = "EXPLORER-5",
    *,
    payment: str | None = "pi_1",
    amount: int = 500_000,
    currency: str = "try",
    org: str | None = "lumen",
    student: str | None = "ada",
    email: str | None = "ada@example.com",
    customer: str | None = None,
    paid: str = "paid",
    kind: str = "checkout.session.completed",
    **members: Any,
) -> Event:
    """A Checkout; by default Ada has paid for an EXPLORER-5 at lumen."""
    obj = copy.deepcopy(CHECKOUT["data"]["object"])
    metadata = {"org": org, "product_code": product}
    obj |= {
        "id": f"cs_of_{payment}" if payment else f"cs_{next(_numbers)}",
        "payment_intent": payment,
        "amount_total": amount,
        "amount_subtotal": amount,
        "currency": currency,
        "customer": customer,
        "client_reference_id": student,
        "payment_status": paid,
        "metadata": {key: value for key, value in metadata.items() if value is not None},
    }
    obj["customer_details"] |= {"email": email, "name": "Ada Example"}
    return event(kind, obj | members)


def intent(
    payment: str = "pi_1",
    *,
    amount: int = 500_000,
    currency: str = "try",
    customer: str | None = None,
    kind: str = "payment_intent.succeeded",
    email: str | None = None,
    **metadata: str,
) -> Event:
    """A PaymentIntent that succeeded; by default it names nothing, as those of Checkouts do."""
    obj = copy.deepcopy(INTENT["data"]["object"])
    obj |= {
        "id": payment,
        "amount": amount,
        "amount_received": amount,
        "currency": currency,
        "customer": customer,
        "receipt_email": email,
        "metadata": metadata,
    }
    return event(kind, obj)


def refund(
    payment: str = "pi_1",
    *,
    amount: int = 500_000,
    refund_id: str = "re_1",
    status: str = "succeeded",
    kind: str = "refund.created",
    currency: str = "try",
    **metadata: str,
) -> Event:
    obj = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "charge": f"ch_of_{payment}",
        "currency": currency,
        "metadata": metadata,
        "payment_intent": payment,
        "reason": None,
        "status": status,
    }
    return event(kind, obj)


def charge(
    payment: str = "pi_1", *, refunded: int = 500_000, listed: Iterable[Event] = (), currency: str = "try"
) -> Event:
    """A charge of which something went back; older versions of Stripe list the refunds in it."""
    obj = {
        "id": f"ch_of_{payment}",
        "object": "charge",
        "amount": 500_000,
        "amount_refunded": refunded,
        "currency": currency,
        "metadata": {},
        "payment_intent": payment,
    }
    refunds = [told["data"]["object"] for told in listed]
    return event("charge.refunded", obj | ({"refunds": {"object": "list", "data": refunds}} if refunds else {}))


def dispute(payment: str = "pi_1", *, status: str = "needs_response", kind: str = "charge.dispute.created") -> Event:
    obj = {
        "id": f"dp_of_{payment}",
        "object": "dispute",
        "amount": 500_000,
        "charge": f"ch_of_{payment}",
        "currency": "try",
        "metadata": {},
        "payment_intent": payment,
        "reason": "general",
        "status": status,
    }
    return event(kind, obj)


# A month of a subscription, in seconds of Unix time: from 1 March 2027, 09:00 UTC on.
MONTHS = (1_803_891_600, 1_806_570_000, 1_809_162_000, 1_811_840_400, 1_814_432_400)


def subscribed(
    invoice: str | None = "in_1",
    *,
    subscription: str = "sub_1",
    student: str | None = "ada",
    customer: str | None = "cus_1",
    product: str | None = "PASS-MONTHLY",
    kind: str = "checkout.session.completed",
    **metadata: str,
) -> Event:
    """The Checkout that began a subscription, as ours do: it names student and product, and its first invoice."""
    named = {"product_code": product, "student_id": student}
    told = checkout(None, payment=None, student=student, customer=customer, amount=1_800_000, kind=kind)
    told["data"]["object"] |= {
        "id": f"cs_of_{subscription}",
        "mode": "subscription",
        "invoice": invoice,
        "subscription": subscription,
        "metadata": {"org": "lumen"} | {key: value for key, value in named.items() if value} | metadata,
    }
    return told


def invoice(
    name: str = "in_1",
    month: int = 0,
    *,
    subscription: str = "sub_1",
    product: str | None = "PASS-MONTHLY",
    price: str | None = None,
    amount: int = 1_800_000,
    currency: str = "try",
    customer: str | None = "cus_1",
    student: str | None = None,
    intent: str | None = None,
    kind: str = "invoice.paid",
    old: bool = False,
    **metadata: str,
) -> Event:
    """An invoice of a subscription, for its month; in the shape of today's API, or in that of before 2025-03-31."""
    said = {"org": "lumen", "product_code": product, "student_id": student} | metadata
    details = {"subscription": subscription, "metadata": {key: value for key, value in said.items() if value}}
    period = {"start": MONTHS[month], "end": MONTHS[month + 1]}
    paid = kind == "invoice.paid"
    obj: dict[str, Any] = {
        "id": name,
        "object": "invoice",
        "amount_due": amount,
        "amount_paid": amount if paid else 0,
        "billing_reason": "subscription_create" if month == 0 else "subscription_cycle",
        "currency": currency,
        "customer": customer,
        "customer_email": "ada@example.com",
        "customer_name": "Ada Example",
        "metadata": {},
        "status": "paid" if paid else "open",
    }
    item = {"id": f"il_{name}", "object": "line_item", "amount": amount, "period": period, "quantity": 1}
    if old:
        line = item | {"price": {"id": price, "object": "price"} if price else None, "subscription": subscription}
        obj |= {"subscription": subscription, "subscription_details": {"metadata": details["metadata"]}}
        obj |= {"payment_intent": intent}
    else:
        parent = {"subscription": subscription, "proration": False, "subscription_item": "si_1"}
        line = item | {"parent": {"type": "subscription_item_details", "subscription_item_details": parent}}
        line |= {"pricing": {"type": "price_details", "price_details": {"price": price, "product": "prod_1"}}}
        obj |= {"parent": {"type": "subscription_details", "subscription_details": details}}
    return event(kind, obj | {"lines": {"object": "list", "data": [line], "has_more": False}})


def invoice_payment(name: str = "in_1", intent: str = "pi_of_in_1", *, amount: int = 1_800_000) -> Event:
    """What says which PaymentIntent paid an invoice."""
    obj = {
        "id": f"inpay_of_{name}",
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": amount,
        "currency": "try",
        "invoice": name,
        "payment": {"type": "payment_intent", "payment_intent": intent},
        "status": "paid",
    }
    return event("invoice_payment.paid", obj)


def subscription(
    name: str = "sub_1",
    *,
    status: str = "active",
    month: int = 0,
    kind: str = "customer.subscription.updated",
    ended_at: int | None = None,
    cancel_at: int | None = None,
    at_period_end: bool = False,
    old: bool = False,
    said_at: int = 0,
) -> Event:
    """How a subscription stands: in its month, cancelled or not."""
    period = {"current_period_start": MONTHS[month], "current_period_end": MONTHS[month + 1]}
    obj = {
        "id": name,
        "object": "subscription",
        "cancel_at": cancel_at,
        "cancel_at_period_end": at_period_end,
        "customer": "cus_1",
        "ended_at": ended_at,
        "items": {"object": "list", "data": [{"id": "si_1", "object": "subscription_item"} | ({} if old else period)]},
        "metadata": {"org": "lumen"},
        "status": status,
    }
    return event(kind, obj | (period if old else {}), created=said_at or MONTHS[month])


def body(event: Event) -> bytes:
    return json.dumps(event).encode()
