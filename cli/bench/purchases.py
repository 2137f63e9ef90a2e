"""Purchases as Stripe tells them: of each its Checkout and its PaymentIntent, every one of another student."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

EXAMPLES = Path(__file__).parents[2] / "examples"
# Of a purchase's two events either comes first, with others of the same moment between them.
WINDOW = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """An event's id and type, the payment that it tells of, and the body that is signed."""

    id: str
    type: str
    payment: str
    body: bytes


def purchases(count: int) -> list[Event]:
    """Return both events of so many purchases, shuffled as they would arrive.

    What two calls return is different, so that nothing of one is a duplicate of the other's.
    """
    run = uuid4().hex[:12]
    templates = (_checkout(), _intent())
    told = [_event(template, f"{run}_{number}") for number in range(count) for template in templates]
    order = random.Random(count)  # noqa: S311 - the same order in every run
    windows = [told[start : start + WINDOW] for start in range(0, len(told), WINDOW)]
    for window in windows:
        order.shuffle(window)
    return [event for window in windows for event in window]


def _checkout() -> Event:
    event = json.loads((EXAMPLES / "lumen-explorer-5.json").read_text())
    told = event["data"]["object"]
    told |= {"id": "cs_@", "payment_intent": "pi_@", "customer": "cus_@", "client_reference_id": "student_@"}
    told["customer_details"]["email"] = "student_@@example.com"
    return _template(event, "evt_cs_@")


def _intent() -> Event:
    event = json.loads((EXAMPLES / "lumen-explorer-5.payment-intent.json").read_text())
    told = {"id": "pi_@", "customer": "cus_@", "latest_charge": "ch_@", "metadata": {"org": "lumen"}}
    event["data"]["object"] |= told
    return _template(event, "evt_pi_@")


def _template(event: dict[str, str], event_id: str) -> Event:
    """Return an event with marks where each has a name of its own; indented, as Stripe writes it."""
    return Event(event_id, event["type"], "pi_@", json.dumps(event | {"id": event_id}, indent=2).encode())


def _event(template: Event, name: str) -> Event:
    own = f"_{name}"
    return Event(template.id.replace("_@", own), template.type, f"pi{own}", template.body.replace(b"_@", own.encode()))
