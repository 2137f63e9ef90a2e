"""Subscriptions; their period stands on the items."""

from __future__ import annotations

from calendar import monthrange
from copy import deepcopy
from datetime import UTC, datetime, timedelta

from fake_stripe.ids import fresh
from fake_stripe.store import Json

# What is the same of every subscription that begins here.
BLANK: Json = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "latest_invoice": None,
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "status": "active",
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    "trial_start": None,
}


def subscription(customer: str, lines: list[Json], metadata: Json, *, at: int) -> Json:
    """Return an active subscription to the prices of a Checkout's lines."""
    key = fresh("subscription")
    items = [_item(key, line["price"], line["quantity"], at=at) for line in lines]
    return deepcopy(BLANK) | {
        "id": key,
        "object": "subscription",
        "billing_cycle_anchor": at,
        "created": at,
        "currency": lines[0]["price"]["currency"],
        "customer": customer,
        "default_payment_method": fresh("payment_method"),
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={key}",
        },
        "metadata": metadata,
        "start_date": at,
    }


def _item(subscription: str, price: Json, quantity: int, *, at: int) -> Json:
    return {
        "id": fresh("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": at,
        "current_period_end": after(at, price["recurring"], anchor=at),
        "current_period_start": at,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def plan(price: Json) -> Json:
    """Return a price in the shape of before there were prices, which still stands beside it."""
    copied = {
        name: price[name]
        for name in ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname")
    }
    period = {name: price["recurring"][name] for name in ("interval", "interval_count", "meter", "usage_type")}
    return {
        **copied,
        **period,
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
    }


def after(at: int, recurring: Json, *, anchor: int) -> int:
    """Return the end of the period that begins then: the anchor's day of the month, or the month's last."""
    count, interval = recurring["interval_count"], recurring["interval"]
    start, wanted = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(anchor, UTC).day
    if interval in {"day", "week"}:
        return int((start + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = start.year * 12 + start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(wanted, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())
