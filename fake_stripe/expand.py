"""Objects in the place of their ids, where a request asks for it by `expand`."""

from __future__ import annotations

from typing import Any

from fake_stripe.error import Refused
from fake_stripe.listing import listed
from fake_stripe.store import Json, Store, shown

# What the id in a field stands for.
FIELDS = {
    "charge": "charge",
    "customer": "customer",
    "default_price": "price",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "price": "price",
    "product": "product",
    "subscription": "subscription",
}
# Lists that are shown only when asked for: the kind of their members and the field that ties them.
LISTS = {
    ("charge", "refunds"): ("refund", "charge"),
    ("invoice", "payments"): ("invoice_payment", "invoice"),
    ("checkout.session", "line_items"): ("line_item", "_checkout"),
}


def expanded(store: Store, obj: Json, paths: list[str]) -> Json:
    """Return an object, or a list of them, with the objects that the paths name.

    Raises:
        Refused: a path names what cannot be expanded.

    """
    for path in paths:
        _expand(store, obj, path.split("."), path)
    return obj


def _expand(store: Store, obj: Any, names: list[str], path: str) -> None:
    if isinstance(obj, list):
        for each in obj:
            _expand(store, each, names, path)
        return
    name, *rest = names
    if not isinstance(obj, dict) or (name not in obj and (obj.get("object"), name) not in LISTS):
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    obj[name] = _found(store, obj, name, path)
    if rest and obj[name] is not None:
        _expand(store, obj[name], rest, path)


def _found(store: Store, obj: Json, name: str, path: str) -> Any:
    if tied := LISTS.get((str(obj.get("object")), name)):
        data = store.where(tied[0], tied[1], obj["id"])
        return listed(data, f"/v1/{obj['object'].replace('.', '/')}s/{obj['id']}/{name}")
    value = obj[name]
    if not isinstance(value, str):
        return value
    if name not in FIELDS:
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    return shown(store.get(FIELDS[name], value))
