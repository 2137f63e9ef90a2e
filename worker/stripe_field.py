"""The fields of Stripe's objects, each checked: a value that PostgreSQL can hold, or a word on which one is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# Stripe's ids and metadata values have at most 500 characters; amounts at most 12 digits in any currency.
MAX_TEXT = 500
MAX_NAME = 255
# Of a Checkout or an invoice: the first page of lines is all that we read.
MAX_LINES = 100
MAX_QUANTITY = 1_000
MAX_AMOUNT = 999_999_999_999
# The end of the year 9998, in seconds of Unix time.
LATEST = 253_370_764_799
CURRENCY_LETTERS = 3


class Unreadable(Exception):
    """The event does not say what its type promises; the message names the field."""


@dataclass(frozen=True, slots=True)
class Said:
    """One event: its type, its object, when Stripe made it (Unix time in seconds), and what Stripe answered besides."""

    kind: str
    obj: Json
    created: object = None
    line_items: Json | None = None

    @property
    def at(self) -> int:
        """When Stripe made it; 0 where it does not say so."""
        return self.created if type(self.created) is int and 0 < self.created <= LATEST else 0


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


def instant(obj: Json, field: str) -> int | None:
    """Return an instant in seconds of Unix time, or None where there is none."""
    value = obj.get(field)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= LATEST:
        raise Unreadable(f"{field} is not a time in seconds")
    return value


def part(obj: Json, *fields: str) -> Json:
    """Return an object within others, empty where one of them is not there."""
    for field in fields:
        value = obj.get(field)
        obj = value if isinstance(value, dict) else {}
    return obj


def bought(metadata: Json) -> dict[str, Any]:
    """Return what metadata says of what was bought, and by whom: our names, and those of the older systems."""
    course = text(metadata, "product_type") in {"course_program", "course_enrollment"}
    return {
        "student_id": text(metadata, "student_id"),
        "product_code": text(metadata, "product_code"),
        "price_id": text(metadata, "price_id"),
        "product_id": text(metadata, "product_id"),
        "course": (text(metadata, "course_program_id") or "unnamed") if course else None,
        "cohort": text(metadata, "cohort_id"),
        "coupon_use": text(metadata, "coupon_use"),
    }


def quantity(line: Json) -> int:
    """Return how many a line sells."""
    value = line.get("quantity")
    if type(value) is not int or not 0 < value <= MAX_QUANTITY:
        raise Unreadable(f"quantity is not a number from 1 to {MAX_QUANTITY}")
    return value
