"""Customers."""

from __future__ import annotations

from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.listing import page, same
from fake_stripe.nouns.customer import customer as built
from fake_stripe.store import Json


def create(fake: Fake, params: Params) -> Json:
    """Make a customer."""
    made = built(email=params.text("email"), name=params.text("name"), at=fake.now())
    fake.emit("customer.created", fake.store.put("customer", _filled(made, params)))
    return made


def update(fake: Fake, params: Params, customer: str) -> Json:
    """Change a customer."""
    found = fake.store.get("customer", customer)
    found |= {"email": params.text("email", found["email"]), "name": params.text("name", found["name"])}
    fake.emit("customer.updated", fake.store.put("customer", _filled(found, params)))
    return found


def listing(fake: Fake, params: Params) -> Json:
    """List customers."""
    return page(fake.store, "customer", params, "/v1/customers", same("email", params.text("email")))


def _filled(found: Json, params: Params) -> Json:
    found["description"] = params.text("description", found["description"])
    found["phone"] = params.text("phone", found["phone"])
    found["metadata"] = params.metadata(found["metadata"])
    return found
