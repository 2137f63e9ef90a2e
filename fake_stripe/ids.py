"""Ids in the form of Stripe's: a prefix that says what it is, and random letters and digits."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
# How each begins, and how many random characters follow.
FORMS = {
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "coupon": ("", 8),
    "customer": ("cus_", 14),
    "checkout.session": ("cs_test_a1", 56),
    "payment_intent": ("pi_3", 23),
    "charge": ("ch_3", 23),
    "refund": ("re_3", 23),
    "dispute": ("du_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "invoice": ("in_1", 23),
    "invoice_line": ("il_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "line_item": ("li_1", 23),
    "discount": ("di_1", 23),
    "balance_transaction": ("txn_3", 23),
    "payment_method": ("pm_1", 23),
    "event": ("evt_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "webhook_secret": ("whsec_", 32),
    "request": ("req_", 14),
}


def fresh(kind: str) -> str:
    """Return an id that no other object has."""
    prefix, length = FORMS[kind]
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))
