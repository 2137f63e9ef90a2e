"""What Stripe says of subscriptions and their invoices, in our words; in the shapes of old and new API versions.

Since 2025-03-31 a subscription's period stands on its items, an invoice names its subscription under `parent`, its
prices under `pricing`, and its PaymentIntent under `payments`; endpoints that are older send what was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from db.models import PaymentStatus
from domain.purchase.fact import BEGINNING, INVOICE, INVOICE_PAYMENT, PurchaseFact, SoldLine
from domain.subscription.facts import SubscriptionFact
from worker.stripe_field import (
    MAX_LINES,
    Json,
    Said,
    Unreadable,
    amount,
    bought,
    currency,
    id_of,
    instant,
    part,
    quantity,
    required,
    text,
)


def read_beginning(said: Said) -> tuple[PurchaseFact, ...]:
    """Read a Checkout that began a subscription: whose its first invoice is. It pays for nothing by itself."""
    obj = said.obj
    details = part(obj, "customer_details")
    ended = said.kind == "checkout.session.expired"
    return (
        PurchaseFact(
            teller=BEGINNING,
            key=id_of(obj, "invoice") or required(obj, "id"),
            status=(PaymentStatus.EXPIRED if ended else PaymentStatus.PENDING).value,
            amount=0,
            currency=currency(obj),
            client_reference_id=text(obj, "client_reference_id"),
            email=text(details, "email") or text(obj, "customer_email"),
            name=text(details, "name"),
            customer=id_of(obj, "customer"),
            subscription=id_of(obj, "subscription"),
            **bought(part(obj, "metadata")),
        ),
    )


def read_invoice(said: Said) -> tuple[PurchaseFact, ...]:
    """Read an invoice that was paid, or could not be; one of no subscription says nothing to us."""
    obj = said.obj
    subscription = subscription_of(obj)
    if subscription is None:
        return ()
    is_paid = said.kind == "invoice.paid"
    lines = list(_lines(obj))
    start, end = max((_period(line) for line in lines), key=lambda period: period[1] or 0, default=(None, None))
    return (
        PurchaseFact(
            teller=INVOICE,
            key=required(obj, "id"),
            status=(PaymentStatus.SUCCEEDED if is_paid else PaymentStatus.FAILED).value,
            amount=amount(obj, "amount_paid" if is_paid else "amount_due"),
            currency=currency(obj),
            customer=id_of(obj, "customer"),
            email=text(obj, "customer_email"),
            name=text(obj, "customer_name"),
            lines=tuple(_sold(lines)),
            intent=_intent(obj),
            subscription=subscription,
            period_start=start,
            period_end=end,
            **_bought(obj),
        ),
    )


def read_invoice_payment(said: Said) -> tuple[PurchaseFact, ...]:
    """Read which PaymentIntent paid an invoice: refunds and disputes name that alone."""
    obj, payment = said.obj, part(said.obj, "payment")
    invoice, intent = id_of(obj, "invoice"), id_of(payment, "payment_intent")
    if invoice is None or intent is None:
        return ()
    return (
        PurchaseFact(
            teller=INVOICE_PAYMENT,
            key=invoice,
            status=PaymentStatus.SUCCEEDED.value,
            amount=amount(obj, "amount_paid"),
            currency=currency(obj),
            intent=intent,
        ),
    )


def read_subscription(said: Said) -> tuple[SubscriptionFact, ...]:
    """Read how a subscription stands."""
    obj = said.obj
    items = [item for item in part(obj, "items").get("data") or () if isinstance(item, dict)]
    starts = [instant(each, "current_period_start") for each in (*items, obj)]
    ends = [end for each in (*items, obj) if (end := instant(each, "current_period_end")) is not None]
    is_over = said.kind == "customer.subscription.deleted"
    at_end = max(ends, default=None) if obj.get("cancel_at_period_end") is True else None
    return (
        SubscriptionFact(
            key=required(obj, "id"),
            status="canceled" if is_over else required(obj, "status"),
            period_start=max((start for start in starts if start is not None), default=None),
            cancels_at=instant(obj, "cancel_at") or at_end,
            ended_at=instant(obj, "ended_at"),
            said_at=said.at,
        ),
    )


def subscription_of(obj: Json) -> str | None:
    """Return the subscription that an object names: itself, that of its invoice, or of its Checkout."""
    if obj.get("object") == "subscription":
        return id_of(obj, "id")
    named = id_of(part(obj, "parent", "subscription_details"), "subscription") or id_of(obj, "subscription")
    return named or next((name for line in _all_lines(obj) if (name := _line_subscription(line))), None)


def _line_subscription(line: Json) -> str | None:
    return id_of(part(line, "parent", "subscription_item_details"), "subscription") or id_of(line, "subscription")


def _bought(obj: Json) -> dict[str, Any]:
    """Return what an invoice says of what was bought; the coupon of the Checkout was for the first one alone."""
    names = bought(metadata_of(obj))
    return names if obj.get("billing_reason") == "subscription_create" else names | {"coupon_use": None}


def metadata_of(obj: Json) -> dict[str, Any]:
    """Return the metadata of an invoice, and above them those of its subscription."""
    of_subscription = part(obj, "parent", "subscription_details", "metadata")
    return part(obj, "metadata") | part(obj, "subscription_details", "metadata") | of_subscription


def _intent(obj: Json) -> str | None:
    payments = [each for each in part(obj, "payments").get("data") or () if isinstance(each, dict)]
    paid = sorted(payments, key=lambda each: each.get("status") != "paid")
    return id_of(obj, "payment_intent") or next(
        (name for each in paid if (name := id_of(part(each, "payment"), "payment_intent"))), None
    )


def _all_lines(obj: Json) -> list[Json]:
    lines = part(obj, "lines").get("data") or ()
    if not isinstance(lines, list | tuple) or len(lines) > MAX_LINES:
        raise Unreadable(f"lines are not a list of at most {MAX_LINES}")
    return [line for line in lines if isinstance(line, dict)]


def _lines(obj: Json) -> Iterator[Json]:
    """Yield the lines that pay for a period, and not for the rest of one that was changed in its middle."""
    for line in _all_lines(obj):
        details = [part(line, "parent", name) for name in ("subscription_item_details", "invoice_item_details")]
        if not any(each.get("proration") is True for each in (line, *details)):
            yield line


def _period(line: Json) -> tuple[int | None, int | None]:
    period = part(line, "period")
    return instant(period, "start"), instant(period, "end")


def _price(line: Json) -> str | None:
    new = id_of(part(line, "pricing", "price_details"), "price")
    return new or id_of(line, "price") or id_of(line, "plan")


def _sold(lines: Iterable[Json]) -> Iterator[SoldLine]:
    """Yield what lines sell; nothing is sold by one that counts what was used, where nothing was."""
    for line in lines:
        count = line.get("quantity")
        if count != 0 and (price := _price(line)):
            yield SoldLine(price, 1 if count is None else quantity(line))
