"""Customers."""

from __future__ import annotations

from fake_stripe.ids import fresh
from fake_stripe.store import Json

ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def customer(*, email: str | None, name: str | None, at: int) -> Json:
    """Return a customer."""
    key = fresh("customer")
    return {
        "id": key,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": at,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": email,
        "invoice_prefix": key[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": name,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
