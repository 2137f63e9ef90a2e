"""Prices; what one costs never changes, and a lookup key may pass from one to the next."""

from __future__ import annotations

from copy import deepcopy

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.ids import fresh
from fake_stripe.listing import Fits, page, same
from fake_stripe.nouns.product import price, product
from fake_stripe.nouns.product import recurring as built
from fake_stripe.store import Json

INTERVALS = ("day", "week", "month", "year")
CURRENCY_LETTERS = 3
MAX_COUNT = 36


def create(fake: Fake, params: Params) -> Json:
    """Make a price."""
    made = made_of(fake, params, fresh("price"))
    made["nickname"], made["metadata"] = params.text("nickname"), params.metadata()
    made["tax_behavior"] = params.text("tax_behavior", "unspecified")
    active = params.flag("active")
    made["active"] = active is not False
    _look_up(fake, made, params)
    fake.emit("price.created", fake.store.put("price", made))
    return made


def made_of(fake: Fake, params: Params, key: str) -> Json:
    """Return the price that parameters describe: those of a price, or of a Checkout's `price_data`."""
    product_id = _product(fake, params)
    amount = params.integer("unit_amount")
    if amount is None:
        raise Refused(
            "Missing required param: unit_amount.", code="parameter_missing", param=params.name("unit_amount")
        )
    return price(key, product_id, amount, currency(params), recurring(params), at=fake.now())


def currency(params: Params) -> str:
    """Return a currency as Stripe writes it."""
    value = params.required("currency").lower()
    if len(value) != CURRENCY_LETTERS or not value.isalpha():
        raise Refused(f"Invalid currency: {value[:20]}.", param=params.name("currency"))
    return value


def recurring(params: Params) -> Json | None:
    """Return how often it is to be paid; None for once."""
    within = params.member("recurring")
    if within is None:
        return None
    interval = str(within.choice("interval", INTERVALS, within.required("interval")))
    within.choice("usage_type", ("licensed",))
    return built(interval, within.integer("interval_count", least=1, most=MAX_COUNT) or 1)


def update(fake: Fake, params: Params, price: str) -> Json:
    """Change what may be changed of a price."""
    found = fake.store.get("price", price)
    before = deepcopy(found)
    active = params.flag("active")
    found["active"] = found["active"] if active is None else active
    found["nickname"] = params.text("nickname") if "nickname" in params else found["nickname"]
    found["metadata"] = params.metadata(found["metadata"])
    _look_up(fake, found, params)
    was = {name: value for name, value in before.items() if found[name] != value}
    if was:
        fake.emit("price.updated", fake.store.put("price", found), was)
    return found


def listing(fake: Fake, params: Params) -> Json:
    """List prices."""
    keys = params.texts("lookup_keys")
    looked_up: Fits = lambda each: keys is None or each["lookup_key"] in keys  # noqa: E731 - one of several
    return page(
        fake.store,
        "price",
        params,
        "/v1/prices",
        same("active", params.flag("active")),
        same("product", params.text("product")),
        same("currency", params.text("currency")),
        same("type", params.choice("type", ("one_time", "recurring"))),
        looked_up,
    )


def _product(fake: Fake, params: Params) -> str:
    """Return the product that is named, or made along with the price."""
    within = params.member("product_data")
    if within is None:
        return str(fake.store.get("product", params.required("product"), param=params.name("product"))["id"])
    made = product(within.text("id") or fresh("product"), within.required("name"), at=fake.now())
    made |= {"description": within.text("description"), "metadata": within.metadata()}
    made["images"] = within.texts("images") or []
    fake.emit("product.created", fake.store.put("product", made))
    return str(made["id"])


def _look_up(fake: Fake, made: Json, params: Params) -> None:
    """Give a price its lookup key; take it from another where that is wanted."""
    transfer = params.flag("transfer_lookup_key")
    if "lookup_key" not in params:
        return
    made["lookup_key"] = params.text("lookup_key")
    for other in fake.store.where("price", "lookup_key", made["lookup_key"]):
        if other["id"] == made["id"]:
            continue
        if not transfer:
            said = f"A price (`{other['id']}`) already uses that lookup key."
            raise Refused(said, param="lookup_key")
        was = {"lookup_key": other["lookup_key"]}
        fake.emit("price.updated", fake.store.put("price", other | {"lookup_key": None}), was)
