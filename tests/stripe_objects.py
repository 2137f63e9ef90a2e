"""Stripe events in Stripe's real shape, as a test needs them: only what matters to it is named."""

from __future__ import annotations

import copy
import json
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
) -> Event:
    obj = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "charge": f"ch_of_{payment}",
        "currency": "try",
        "metadata": {},
        "payment_intent": payment,
        "reason": None,
        "status": status,
    }
    return event(kind, obj)


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


def body(event: Event) -> bytes:
    return json.dumps(event).encode()
