"""What a Stripe event says, in our words; reads old and new payload shapes, touches nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import orjson

from db.models import DisputeStatus, PaymentStatus
from domain.catalog.drift import CatalogFact
from domain.purchase.fact import (
    CHECKOUT,
    INTENT,
    REFUND_RANK,
    DisputeFact,
    Fact,
    PurchaseFact,
    RefundFact,
    RefundTotal,
    SoldLine,
)
from domain.subscription.facts import SubscriptionFact
from worker.stripe_catalog import read_price, read_product
from worker.stripe_field import (
    MAX_NAME,
    MAX_TEXT,
    Json,
    Said,
    Unreadable,
    amount,
    bought,
    currency,
    id_of,
    member,
    part,
    quantity,
    required,
    text,
)
from worker.stripe_subscription import (
    metadata_of,
    read_beginning,
    read_invoice,
    read_invoice_payment,
    read_subscription,
    subscription_of,
)


class Unsupported(Exception):
    """An event that we shall handle, but cannot yet: kept until we can. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one event says: facts about payments, and by what its organization may be found.

    `payments` are those that its object belongs to, whether or not it says anything about them; `subscription` is the
    one that it names. `catalog` is what one of Stripe's products or prices is by now, `total` what of a charge went
    back.
    """

    facts: tuple[Fact, ...] = ()
    standing: tuple[SubscriptionFact, ...] = ()
    catalog: tuple[CatalogFact, ...] = ()
    total: RefundTotal | None = None
    subscription: str | None = None
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
    own = told.get("object") in {"payment_intent", "invoice"}
    named = told if own else told.get("payment_intent") or told.get("invoice")
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
    told = reader(Said(kind, obj, event.get("created"), line_items))
    facts = tuple(fact for fact in told if isinstance(fact, PurchaseFact | RefundFact | DisputeFact))
    return Statement(
        facts=facts,
        standing=tuple(fact for fact in told if isinstance(fact, SubscriptionFact)),
        catalog=tuple(fact for fact in told if isinstance(fact, CatalogFact)),
        total=next((fact for fact in told if isinstance(fact, RefundTotal)), None),
        subscription=subscription_of(obj),
        payments=_payments(obj, facts),
        organization=text(metadata_of(obj), "org"),
        customer=None if _waits_for_checkout(facts) else id_of(obj, "customer"),
    )


def _payments(obj: Json, facts: tuple[Fact, ...]) -> tuple[str, ...]:
    """Return the payments that an object belongs to, also where it says nothing about them."""
    named = id_of(obj, "id" if obj.get("object") == "payment_intent" else "payment_intent")
    return tuple(dict.fromkeys([fact.key for fact in facts] + ([named] if named else [])))


def _waits_for_checkout(facts: tuple[Fact, ...]) -> bool:
    """Say whether a PaymentIntent names nothing: its Checkout knows better than its customer whose it is."""
    return any(isinstance(fact, PurchaseFact) and fact.teller == INTENT and not fact.names_something for fact in facts)


def _checkout(said: Said) -> tuple[Fact, ...]:
    obj, mode = said.obj, text(said.obj, "mode")
    if mode == "subscription":
        return read_beginning(said)
    if mode == "setup":
        return ()
    own_id = required(obj, "id")
    details = part(obj, "customer_details")
    return (
        PurchaseFact(
            teller=CHECKOUT,
            key=id_of(obj, "payment_intent") or own_id,
            status=_checkout_status(obj, said.kind),
            amount=amount(obj, "amount_total") if obj.get("amount_total") is not None else 0,
            currency=currency(obj),
            customer=id_of(obj, "customer"),
            client_reference_id=text(obj, "client_reference_id"),
            email=text(details, "email") or text(obj, "customer_email"),
            name=text(details, "name"),
            lines=_lines(said.line_items),
            **bought(part(obj, "metadata")),
        ),
    )


def _checkout_status(obj: Json, kind: str) -> str:
    by_type = {
        "checkout.session.async_payment_failed": PaymentStatus.FAILED,
        "checkout.session.expired": PaymentStatus.EXPIRED,
    }
    unpaid = text(obj, "payment_status") not in {"paid", "no_payment_required"}
    return by_type.get(kind, PaymentStatus.PENDING if unpaid else PaymentStatus.SUCCEEDED).value


def _intent(said: Said) -> tuple[Fact, ...]:
    obj = said.obj
    return (
        PurchaseFact(
            teller=INTENT,
            key=required(obj, "id"),
            status=PaymentStatus.SUCCEEDED.value,
            amount=amount(obj, "amount_received"),
            currency=currency(obj),
            customer=id_of(obj, "customer"),
            email=text(obj, "receipt_email"),
            **bought(part(obj, "metadata")),
        ),
    )


def _refund(said: Said) -> tuple[Fact, ...]:
    return (_refund_fact(said.obj, id_of(said.obj, "payment_intent")),)


def _refund_fact(obj: Json, intent: str | None) -> RefundFact:
    # Stripe may not say one yet.
    status = "pending" if "status" in obj and obj["status"] is None else required(obj, "status")
    if status not in REFUND_RANK:
        raise Unreadable(f"status is {status!r}, not one of Stripe's for a refund")
    return RefundFact(
        source=f"refund:{required(obj, 'id')}",
        key=intent or _charge_key(obj),
        status=status,
        amount=amount(obj, "amount"),
        currency=currency(obj) if obj.get("currency") else None,
        ours=text(part(obj, "metadata"), "punchcard_refund"),
        worth=text(part(obj, "metadata"), "punchcard_worth"),
    )


def _charge(said: Said) -> tuple[Fact | RefundTotal, ...]:
    """Read what went back in all, and the refunds that older API versions list: newer ones send them as events."""
    obj, charge = said.obj, required(said.obj, "id")
    listed = part(obj, "refunds").get("data")
    key = id_of(obj, "payment_intent") or f"charge:{charge}"
    total = RefundTotal(charge, key, amount(obj, "amount_refunded"), currency(obj))
    return *(_refund_fact(refund, key) for refund in listed or () if isinstance(refund, dict)), total


def _dispute(said: Said) -> tuple[Fact, ...]:
    """Read a dispute; an inquiry (`warning_…`) moved no money and says nothing."""
    obj = said.obj
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


def _recorded(_said: Said) -> tuple[Fact, ...]:
    """Read nothing: the stored event is the record."""
    return ()


def _lines(line_items: Json | None) -> tuple[SoldLine, ...]:
    data = (line_items or {}).get("data") or []
    return tuple(SoldLine(required(member(line, "price"), "id"), quantity(line)) for line in data)


Reader = Callable[[Said], tuple[Fact | SubscriptionFact | CatalogFact | RefundTotal, ...]]
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
    "invoice.paid": read_invoice,
    "invoice.payment_failed": read_invoice,
    "invoice_payment.paid": read_invoice_payment,
    "customer.subscription.updated": read_subscription,
    "customer.subscription.deleted": read_subscription,
    "product.created": read_product,
    "product.updated": read_product,
    "product.deleted": read_product,
    "price.created": read_price,
    "price.updated": read_price,
    "price.deleted": read_price,
}
# What Stripe is asked to send: exactly this.
HANDLED = tuple(READERS)
