"""Products, with ids of our own if we like."""

from __future__ import annotations

from copy import deepcopy

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.ids import fresh
from fake_stripe.listing import page, same
from fake_stripe.nouns.product import product
from fake_stripe.store import Json

TEXTS = ("description", "statement_descriptor", "tax_code", "unit_label", "url")


def create(fake: Fake, params: Params) -> Json:
    """Make a product."""
    key = params.text("id") or fresh("product")
    if fake.store.find("product", key):
        raise Refused(f"Product already exists: {key}", code="resource_already_exists", param="id")
    made = _filled(product(key, params.required("name"), at=fake.now()), params)
    fake.emit("product.created", fake.store.put("product", made))
    return made


def update(fake: Fake, params: Params, product: str) -> Json:
    """Change a product; what is not named stays."""
    found = fake.store.get("product", product)
    before = deepcopy(found)
    found["name"] = params.text("name", found["name"])
    if "default_price" in params:
        found["default_price"] = fake.store.get("price", params.required("default_price"), param="default_price")["id"]
    return changed(fake, _filled(found, params), before)


def changed(fake: Fake, found: Json, before: Json) -> Json:
    """Write a product that was changed, and tell what it was before."""
    was = {name: value for name, value in before.items() if found[name] != value}
    if was:
        was["updated"], found["updated"] = found["updated"], fake.now()
        fake.emit("product.updated", fake.store.put("product", found), was)
    return found


def remove(fake: Fake, params: Params, product: str) -> Json:
    """Forget a product that has no price."""
    found = fake.store.get("product", product)
    if fake.store.where("price", "product", product):
        raise Refused("This product cannot be deleted because it has one or more user-created prices.")
    fake.store.remove("product", product)
    fake.emit("product.deleted", found)
    return {"id": product, "object": "product", "deleted": True}


def listing(fake: Fake, params: Params) -> Json:
    """List products."""
    ids = params.texts("ids")
    return page(
        fake.store,
        "product",
        params,
        "/v1/products",
        same("active", params.flag("active")),
        lambda each: ids is None or each["id"] in ids,
    )


def _filled(found: Json, params: Params) -> Json:
    for name in TEXTS:
        if name in params:
            found[name] = params.text(name)
    found["images"] = params.texts("images") or found["images"]
    active, shippable = params.flag("active"), params.flag("shippable")
    found["active"] = found["active"] if active is None else active
    found["shippable"] = found["shippable"] if shippable is None else shippable
    found["metadata"] = params.metadata(found["metadata"])
    return found
