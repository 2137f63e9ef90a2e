"""Sums, times and states as people read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from flask import Flask

from fake_stripe.error import Refused
from fake_stripe.store import Json

# Currencies whose minor unit is no hundredth.
DIGITS = dict.fromkeys(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"], 0
) | dict.fromkeys(["bhd", "jod", "kwd", "omr", "tnd"], 3)
USUAL_DIGITS = 2
MAX_AMOUNT = 999_999_999_999


def register(app: Flask) -> None:
    """Let the templates say so."""
    app.add_template_filter(money)
    app.add_template_filter(when)
    app.add_template_filter(day)
    app.add_template_filter(state)
    app.add_template_filter(pretty)


def money(amount: int, currency: str) -> str:
    """Return minor units as a sum: `1,234.50 TRY`."""
    digits = DIGITS.get(currency.lower(), USUAL_DIGITS)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f} {currency.upper()}"


def minor(text: str, currency: str) -> int | None:
    """Return a sum that somebody typed in minor units; None where nothing was typed.

    Raises:
        Refused: it is no sum of this currency.

    """
    if not text.strip():
        return None
    digits = DIGITS.get(currency.lower(), USUAL_DIGITS)
    try:
        amount = Decimal(text.strip()).scaleb(digits)
        valid = amount.is_finite() and 0 < amount <= MAX_AMOUNT and amount == int(amount)
    except InvalidOperation:
        valid = False
    if not valid:
        raise Refused(f"{text.strip()[:20]} is no amount of {currency.upper()}.", param="amount")
    return int(amount)


def pretty(obj: Json) -> str:
    """Return an object as JSON that a person can read."""
    return json.dumps(obj, indent=2, ensure_ascii=False)


def when(at: int) -> str:
    """Return a moment."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y, %H:%M:%S")


def day(at: int) -> str:
    """Return a day."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")


def state(charge: Json) -> str:
    """Return what became of a charge, in one word."""
    if charge["refunded"]:
        return "refunded"
    if charge["amount_refunded"]:
        return "partly refunded"
    return str(charge["status"])
