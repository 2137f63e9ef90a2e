"""What Stripe is asked for: a page to pay on, and the coupon that makes it cheaper, in Stripe's parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from domain.outward.checkout_command import Checkout
from domain.outward.product_sync import SyncProduct, period

Params = dict[str, Any]

# Stripe takes so many characters; our own id stands in the metadata, too.
LONGEST_REFERENCE = 200
# What Stripe takes for an address: with one that it does not know nothing could be bought.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys: our id, the frontend's, and what Stripe may know of them."""

    id: int
    external_id: str | None
    email: str | None
    customer: str | None

    @property
    def is_reachable(self) -> bool:
        """Whether Stripe would take the address."""
        return bool(self.email and ADDRESS.fullmatch(self.email))


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a coupon that a Checkout holds, and the coupon's code."""

    id: int
    code: str


def discount(product: SyncProduct, paid: int) -> int:
    """Return what a coupon takes off the price, in minor units; one that makes it dearer takes nothing."""
    return max(product.price - paid, 0)


def coupon_params(product: SyncProduct, paid: int, use: Use) -> Params:
    """Return the coupon of Stripe's that takes as much off as ours does, once."""
    return {
        "amount_off": discount(product, paid),
        "currency": product.currency.lower(),
        "duration": "once",
        "max_redemptions": 1,
        "name": use.code[:40],
        "metadata": {"org": product.slug, "product_code": product.code, "coupon_use": str(use.id)},
    }


def page_params(product: SyncProduct, buyer: Buyer, command: Checkout, paid: int, use: Use | None) -> Params:
    """Return the page: one line, quantity 1, with all in its metadata that fulfilment asks for."""
    tags = _tags(product, buyer, command, use)
    renewed = product.billing_interval is not None
    page: Params = {
        "mode": "subscription" if renewed else "payment",
        "line_items": [line(product, paid)],
        "metadata": tags,
        "success_url": command.success_url,
        "cancel_url": command.cancel_url,
    }
    if renewed:
        # An invoice carries these; of the coupon only the first one makes something.
        kept = {name: tags[name] for name in ("org", "product_code", "student_id", "coupon_use") if name in tags}
        page["subscription_data"] = {"metadata": kept}
    else:
        page["payment_intent_data"] = {"metadata": tags}
    return page | _who(buyer)


def line(product: SyncProduct, paid: int, *, is_spelled: bool = False) -> Params:
    """Return what is sold: by today's price, or spelled out where Stripe has none, or a coupon makes it dearer."""
    if product.todays and paid <= product.price and not is_spelled:
        return {"price": product.todays.stripe_price_id, "quantity": 1}
    data: Params = {
        "currency": product.currency.lower(),
        "unit_amount": max(paid, product.price),
        "product_data": {"name": product.name, "metadata": {"org": product.slug, "product_code": product.code}},
    }
    if product.billing_interval:
        data["recurring"] = period(product)
    return {"price_data": data, "quantity": 1}


def _tags(product: SyncProduct, buyer: Buyer, command: Checkout, use: Use | None) -> dict[str, str]:
    said = {
        "org": product.slug,
        "product_code": product.code,
        "lines": "1",
        "student_id": buyer.external_id,
        "cohort_id": str(command.cohort_id) if command.cohort_id else None,
        "coupon_use": str(use.id) if use else None,
        "coupon_code": use.code if use else None,
    }
    return {name: value for name, value in said.items() if value}


def _who(buyer: Buyer) -> Params:
    who: Params = {}
    if buyer.external_id and len(buyer.external_id) <= LONGEST_REFERENCE:
        who["client_reference_id"] = buyer.external_id
    if buyer.customer:
        who["customer"] = buyer.customer
    elif buyer.is_reachable:
        who["customer_email"] = buyer.email
    return who
