"""What Stripe answers of a product or a price, in the words in which the catalog is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.catalog.drift import CatalogFact

Said = Mapping[str, Any]


def product(said: Said, *, at: datetime) -> CatalogFact:
    """Return what an answer says of a product."""
    code = (said.get("metadata") or {}).get("product_code")
    told = {
        "object": "product",
        "deleted": False,
        "name": said.get("name"),
        "active": said.get("active") is not False,
        "product_code": code,
    }
    return CatalogFact(said["id"], said.get("updated") or int(at.timestamp()), told, said["id"], code)


def price(said: Said, *, at: datetime) -> CatalogFact:
    """Return what an answer says of a price, which Stripe keeps no time of."""
    known = columns(said)
    told = {
        "object": "price",
        "deleted": False,
        "product": said.get("product"),
        "active": known["active"],
        "amount": known["unit_amount"],
        "currency": known["currency"],
        "interval": known["interval"],
        "interval_count": known["interval_count"],
    }
    code = (said.get("metadata") or {}).get("product_code")
    return CatalogFact(said["id"], int(at.timestamp()), told, said.get("product"), code)


def columns(said: Said) -> dict[str, Any]:
    """Return what our row of a price says of it."""
    recurring = said.get("recurring") or {}
    return {
        "unit_amount": said.get("unit_amount"),
        "currency": (said.get("currency") or "").upper() or None,
        "interval": (recurring.get("interval") or "").upper() or None,
        "interval_count": recurring.get("interval_count") or 1,
        "lookup_key": said.get("lookup_key"),
        "active": said.get("active") is not False,
    }
