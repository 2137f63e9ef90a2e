"""The fields of Stripe's objects, each checked: a value that PostgreSQL can hold, or a word on which one is wrong."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# Stripe's ids and metadata values have at most 500 characters; amounts at most 12 digits in any currency.
MAX_TEXT = 500
MAX_NAME = 255
MAX_AMOUNT = 999_999_999_999
CURRENCY_LETTERS = 3


class Unreadable(Exception):
    """The event does not say what its type promises; the message names the field."""


def member(parent: Json, field: str) -> Json:
    """Return an object within another.

    Raises:
        Unreadable: there is none.

    """
    value = parent.get(field)
    if not isinstance(value, dict):
        raise Unreadable(f"{field} is not an object")
    return value


def text(obj: Json, field: str) -> str | None:
    """Return a text that PostgreSQL can hold, or None where there is none."""
    value = obj.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value or not _encodable(value):
        raise Unreadable(f"{field} is not a text of at most {MAX_TEXT} characters without NUL")
    return value


def _encodable(value: str) -> bool:
    """Say whether a text has no lone surrogates, which JSON may escape and UTF-8 cannot say."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def required(obj: Json, field: str) -> str:
    """Return a text that must be there."""
    value = text(obj, field)
    if value is None:
        raise Unreadable(f"{field} is missing")
    return value


def id_of(obj: Json, field: str) -> str | None:
    """Return the id of another object, which Stripe may send expanded."""
    value = obj.get(field)
    return text({field: value.get("id")} if isinstance(value, dict) else obj, field)


def amount(obj: Json, field: str) -> int:
    """Return an amount in minor units."""
    value = obj.get(field)
    if type(value) is not int or not 0 <= value <= MAX_AMOUNT:
        raise Unreadable(f"{field} is not an amount in minor units")
    return value


def currency(obj: Json) -> str:
    """Return the currency, in capitals."""
    value = required(obj, "currency").upper()
    if len(value) != CURRENCY_LETTERS or not value.isascii() or not value.isalpha():
        raise Unreadable("currency is not a three-letter code")
    return value
