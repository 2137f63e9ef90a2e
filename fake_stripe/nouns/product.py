"""Products, prices and coupons."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from fake_stripe.store import Json

PERCENT = Decimal(100)


def product(key: str, name: str, *, at: int) -> Json:
    """Return a product."""
    return {
        "id": key,
        "object": "product",
        "active": True,
        "created": at,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": at,
        "url": None,
    }


def price(key: str, product_id: str, amount: int, currency: str, recurring: Json | None, *, at: int) -> Json:
    """Return a price of so many minor units, once or per period."""
    return {
        "id": key,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": at,
        "currency": currency.lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product_id,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def recurring(interval: str, count: int) -> Json:
    """Return how often a price is to be paid."""
    return {
        "interval": interval,
        "interval_count": count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def coupon(key: str, *, at: int) -> Json:
    """Return a coupon, still without its value."""
    return {
        "id": key,
        "object": "coupon",
        "amount_off": None,
        "created": at,
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": None,
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def discount_of(coupon: Json | None, subtotal: int) -> int:
    """Return by how much a coupon lowers a sum, in minor units; never by more than all of it."""
    if coupon is None:
        return 0
    if coupon["amount_off"] is not None:
        return min(int(coupon["amount_off"]), subtotal)
    share = Decimal(subtotal) * Decimal(str(coupon["percent_off"])) / PERCENT
    return int(share.quantize(Decimal(1), ROUND_HALF_UP))
