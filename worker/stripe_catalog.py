"""What Stripe says of its products and prices, in our words: what somebody may have changed there by hand."""

from __future__ import annotations

from domain.catalog.drift import CatalogFact
from worker.stripe_field import LATEST, MAX_AMOUNT, Json, Said, Unreadable, id_of, part, required, text

DELETED = frozenset({"product.deleted", "price.deleted"})


def read_product(said: Said) -> tuple[CatalogFact, ...]:
    """Read a product; Stripe says in it when it was changed last."""
    obj = said.obj
    own_id = required(obj, "id")
    code = text(part(obj, "metadata"), "product_code")
    told = {
        "object": "product",
        "deleted": _is_deleted(said),
        "name": text(obj, "name"),
        "active": obj.get("active") is not False,
        "product_code": code,
    }
    return (CatalogFact(own_id, _seconds(obj.get("updated")) or said.at, told, own_id, code),)


def read_price(said: Said) -> tuple[CatalogFact, ...]:
    """Read a price; when it was changed last only the event tells."""
    obj = said.obj
    product, recurring = id_of(obj, "product"), part(obj, "recurring")
    told = {
        "object": "price",
        "deleted": _is_deleted(said),
        "product": product,
        "active": obj.get("active") is not False,
        "amount": _amount(obj),
        "currency": (text(obj, "currency") or "").upper() or None,
        "interval": (text(recurring, "interval") or "").upper() or None,
        "interval_count": _seconds(recurring.get("interval_count")) or 1,
    }
    code = text(part(obj, "metadata"), "product_code")
    return (CatalogFact(required(obj, "id"), said.at, told, product, code),)


def _is_deleted(said: Said) -> bool:
    return said.kind in DELETED or said.obj.get("deleted") is True


def _amount(obj: Json) -> int | None:
    """Return the amount in minor units; of a price in steps, or in parts of a unit, there is none."""
    value = obj.get("unit_amount")
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_AMOUNT):
        raise Unreadable("unit_amount is not an amount in minor units")
    return value


def _seconds(value: object) -> int:
    """Return a number of Stripe's, 0 where there is none."""
    return value if type(value) is int and 0 < value <= LATEST else 0
