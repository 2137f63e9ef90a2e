"""Checkout Sessions and what is sold in them."""

from __future__ import annotations

from copy import deepcopy

from fake_stripe.ids import fresh
from fake_stripe.nouns.customer import ADDRESS
from fake_stripe.store import Json

# What is the same of every Checkout that is opened here.
BLANK: Json = {
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "allow_promotion_codes": None,
    "amount_subtotal": 0,
    "amount_total": 0,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "billing_address_collection": None,
    "cancel_url": None,
    "client_reference_id": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
    "customer": None,
    "customer_account": None,
    "customer_details": None,
    "customer_email": None,
    "discounts": [],
    "invoice": None,
    "livemode": False,
    "locale": None,
    "metadata": {},
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "payment_status": "unpaid",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "submit_type": None,
    "subscription": None,
    "success_url": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
    "url": None,
    "wallet_options": None,
}


def checkout(mode: str, currency: str, *, at: int) -> Json:
    """Return an open Checkout Session, still without sums and addresses."""
    return deepcopy(BLANK) | {
        "id": fresh("checkout.session"),
        "object": "checkout.session",
        "created": at,
        "currency": currency,
        "customer_creation": "always" if mode == "subscription" else "if_required",
        "expires_at": at,
        "invoice_creation": None if mode == "subscription" else {"enabled": False},
        "mode": mode,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
    }


def customer_details(email: str | None, name: str | None) -> Json:
    """Return who paid, as the page was told."""
    return {
        "address": {**ADDRESS},
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def line_item(price: Json, description: str, quantity: int, *, discount: int) -> Json:
    """Return a line of a Checkout."""
    subtotal = price["unit_amount"] * quantity
    return {
        "id": fresh("line_item"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": discount,
        "amount_subtotal": subtotal,
        "amount_tax": 0,
        "amount_total": subtotal - discount,
        "currency": price["currency"],
        "description": description,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }
