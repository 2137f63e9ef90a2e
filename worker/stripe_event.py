"""What a Stripe event says, in our words; reads old and new payload shapes, touches nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

from db.models import DisputeStatus, PaymentStatus
from domain.purchase.payment import CHECKOUT, INTENT, REFUND_RANK, DisputeFact, Fact, PurchaseFact, RefundFact, SoldLine
from worker.stripe_field import MAX_NAME, MAX_TEXT, Json, Unreadable, amount, currency, id_of, member, required, text

MAX_LINES = 100
MAX_QUANTITY = 1_000


class Unsupported(Exception):
    """An event that we shall handle, but cannot yet: kept until we can. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one event says: facts about payments, and by what its organization may be found.

    `payments` are those that its object belongs to, whether or not it says anything about them.
    """

    facts: tuple[Fact, ...] = ()
    handled: bool = True
    payments: tuple[str, ...] = ()
    organization: str | None = None
    customer: str | None = None


def parse(payload: bytes) -> object:
    """Return the JSON value of a body; orjson refuses what Stripe may sign (lone surrogates), `json` does not."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return json.loads(payload, parse_int=_integer)


def _integer(digits: str) -> int | float:
    """Return a number of any length: Python refuses to make an `int` of too many digits, and no field needs one."""
    return int(digits) if len(digits) <= MAX_TEXT else float(digits)


def is_name(value: object) -> TypeGuard[str]:
    """Say whether a value can be an id or a type of Stripe's."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isascii() and value.isprintable()


def payment_key(event: Json) -> str | None:
    """Return the payment that an event names at first sight, whatever else is in it; None if it names none."""
    data = event.get("data")
    told = data.get("object") if isinstance(data, dict) else None
    if not isinstance(told, dict):
        return None
    named = told if told.get("object") == "payment_intent" else told.get("payment_intent")
    key = named.get("id") if isinstance(named, dict) else named
    return key if is_name(key) else None


def read(payload: bytes, line_items: Json | None = None) -> Statement:
    """Return what a stored event says.

    Args:
        payload: The signed bytes.
        line_items: Stripe's answer about what a Checkout sold, where it was asked.

    Raises:
        Unreadable: a field is missing or not what Stripe sends.
        Unsupported: the event's turn comes with a later version, or with another endpoint setting.

    """
    event = parse(payload)
    if not isinstance(event, dict):
        raise Unreadable("the body is not an object")
    kind = required(event, "type")
    reader = READERS.get(kind)
    if event.get("object") == "v2.core.event":
        raise Unsupported("a thin event: choose snapshot events for this endpoint in Stripe's dashboard")
    if reader is None:
        return Statement(handled=False)
    obj = member(member(event, "data"), "object")
    metadata = obj.get("metadata") if isinstance(obj.get("metadata"), dict) else {}
    facts = reader(obj, line_items, kind)
    return Statement(
        facts=facts,
        payments=_payments(obj, facts),
        organization=text(metadata or {}, "org"),
        customer=None if _waits_for_checkout(facts) else id_of(obj, "customer"),
    )


def _payments(obj: Json, facts: tuple[Fact, ...]) -> tuple[str, ...]:
    """Return the payments that an object belongs to, also where it says nothing about them."""
    named = id_of(obj, "id" if obj.get("object") == "payment_intent" else "payment_intent")
    return tuple(dict.fromkeys([fact.key for fact in facts] + ([named] if named else [])))


def _waits_for_checkout(facts: tuple[Fact, ...]) -> bool:
    """Say whether a PaymentIntent names nothing: its Checkout knows better than its customer whose it is."""
    return any(isinstance(fact, PurchaseFact) and fact.teller == INTENT and not fact.names_something for fact in facts)


def _checkout(obj: Json, line_items: Json | None, kind: str) -> tuple[Fact, ...]:
    mode = text(obj, "mode")
    if mode == "subscription":
        raise Unsupported("subscriptions are fulfilled by a later version; replay this event then")
    if mode == "setup":
        return ()
    own_id = required(obj, "id")
    details = obj.get("customer_details") if isinstance(obj.get("customer_details"), dict) else {}
    return (
        PurchaseFact(
            teller=CHECKOUT,
            key=id_of(obj, "payment_intent") or own_id,
            status=_checkout_status(obj, kind),
            amount=amount(obj, "amount_total") if obj.get("amount_total") is not None else 0,
            currency=currency(obj),
            client_reference_id=text(obj, "client_reference_id"),
            email=text(details or {}, "email") or text(obj, "customer_email"),
            name=text(details or {}, "name"),
            lines=_lines(line_items),
            **_common(obj),
        ),
    )


def _checkout_status(obj: Json, kind: str) -> str:
    by_type = {
        "checkout.session.async_payment_failed": PaymentStatus.FAILED,
        "checkout.session.expired": PaymentStatus.EXPIRED,
    }
    unpaid = text(obj, "payment_status") not in {"paid", "no_payment_required"}
    return by_type.get(kind, PaymentStatus.PENDING if unpaid else PaymentStatus.SUCCEEDED).value


def _intent(obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    return (
        PurchaseFact(
            teller=INTENT,
            key=required(obj, "id"),
            status=PaymentStatus.SUCCEEDED.value,
            amount=amount(obj, "amount_received"),
            currency=currency(obj),
            email=text(obj, "receipt_email"),
            **_common(obj),
        ),
    )


def _common(obj: Json) -> dict[str, Any]:
    """Return what a Checkout and a PaymentIntent say in the same words: the customer and the metadata."""
    metadata = obj.get("metadata") if isinstance(obj.get("metadata"), dict) else {}
    course = text(metadata or {}, "product_type") in {"course_program", "course_enrollment"}
    return {
        "customer": id_of(obj, "customer"),
        "student_id": text(metadata or {}, "student_id"),
        "product_code": text(metadata or {}, "product_code"),
        "price_id": text(metadata or {}, "price_id"),
        "product_id": text(metadata or {}, "product_id"),
        "course": (text(metadata or {}, "course_program_id") or "unnamed") if course else None,
        "cohort": text(metadata or {}, "cohort_id"),
    }


def _refund(obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    return (_refund_fact(obj, id_of(obj, "payment_intent")),)


def _refund_fact(obj: Json, intent: str | None) -> RefundFact:
    status = required(obj, "status")
    if status not in REFUND_RANK:
        raise Unreadable(f"status is {status!r}, not one of Stripe's for a refund")
    return RefundFact(
        source=f"refund:{required(obj, 'id')}",
        key=intent or _charge_key(obj),
        status=status,
        amount=amount(obj, "amount"),
    )


def _charge(obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    """Read the refunds that older API versions list in the charge; newer ones send them as events of their own."""
    refunds = obj.get("refunds")
    listed = refunds.get("data") if isinstance(refunds, dict) else None
    intent = id_of(obj, "payment_intent") or f"charge:{required(obj, 'id')}"
    return tuple(_refund_fact(refund, intent) for refund in listed or () if isinstance(refund, dict))


def _dispute(obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    """Read a dispute; an inquiry (`warning_…`) moved no money and says nothing."""
    status = required(obj, "status")
    if status.startswith("warning"):
        return ()
    outcome = {"won": DisputeStatus.WON, "prevented": DisputeStatus.WON, "lost": DisputeStatus.LOST}.get(
        status, DisputeStatus.OPEN
    )
    key = id_of(obj, "payment_intent") or _charge_key(obj)
    return (DisputeFact(source=f"dispute:{required(obj, 'id')}", key=key, status=outcome.value),)


def _charge_key(obj: Json) -> str:
    """Return the key of a payment that has no PaymentIntent."""
    charge = id_of(obj, "charge")
    if charge is None:
        raise Unreadable("payment_intent and charge are both missing")
    return f"charge:{charge}"


def _recorded(_obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    """Read nothing: the stored event is the record."""
    return ()


def _subscription(_obj: Json, _lines: Json | None, _kind: str) -> tuple[Fact, ...]:
    raise Unsupported("subscriptions are fulfilled by a later version; replay this event then")


def _lines(line_items: Json | None) -> tuple[SoldLine, ...]:
    data = (line_items or {}).get("data") or []
    return tuple(SoldLine(required(member(line, "price"), "id"), _quantity(line)) for line in data)


def _quantity(line: Json) -> int:
    value = line.get("quantity")
    if type(value) is not int or not 0 < value <= MAX_QUANTITY:
        raise Unreadable(f"quantity is not a number from 1 to {MAX_QUANTITY}")
    return value


Reader = Callable[[Json, Json | None, str], tuple[Fact, ...]]
READERS: dict[str, Reader] = {
    "checkout.session.completed": _checkout,
    "checkout.session.async_payment_succeeded": _checkout,
    "checkout.session.async_payment_failed": _checkout,
    "checkout.session.expired": _checkout,
    "payment_intent.succeeded": _intent,
    "payment_intent.payment_failed": _recorded,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refunded": _charge,
    "charge.dispute.created": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "invoice.paid": _subscription,
    "invoice.payment_failed": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
}
