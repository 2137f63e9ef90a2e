"""Coupons, for one payment each."""

from __future__ import annotations

from fake_stripe.api.prices import currency
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.ids import fresh
from fake_stripe.listing import page
from fake_stripe.nouns.product import coupon
from fake_stripe.store import Json

MAX_PERCENT = 100


def create(fake: Fake, params: Params) -> Json:
    """Make a coupon of an amount or of a percentage."""
    key = params.text("id") or fresh("coupon")
    if fake.store.find("coupon", key):
        raise Refused("Coupon already exists.", code="resource_already_exists", param="id")
    made = coupon(key, at=fake.now())
    made["amount_off"], made["percent_off"] = params.integer("amount_off", least=1), _percent(params)
    if (made["amount_off"] is None) == (made["percent_off"] is None):
        raise Refused("You must pass one of `amount_off` and `percent_off`.", param="amount_off")
    made["currency"] = currency(params) if made["amount_off"] is not None else None
    params.choice("duration", ("once",))
    made["max_redemptions"], made["redeem_by"] = params.integer("max_redemptions", least=1), params.integer("redeem_by")
    made["name"], made["metadata"] = params.text("name"), params.metadata()
    fake.emit("coupon.created", fake.store.put("coupon", made))
    return made


def update(fake: Fake, params: Params, coupon: str) -> Json:
    """Rename a coupon."""
    found = fake.store.get("coupon", coupon)
    found["name"], found["metadata"] = params.text("name", found["name"]), params.metadata(found["metadata"])
    fake.emit("coupon.updated", fake.store.put("coupon", found))
    return found


def remove(fake: Fake, params: Params, coupon: str) -> Json:
    """Forget a coupon; what it lowered stays low."""
    found = fake.store.get("coupon", coupon)
    fake.store.remove("coupon", coupon)
    fake.emit("coupon.deleted", found)
    return {"id": coupon, "object": "coupon", "deleted": True}


def listing(fake: Fake, params: Params) -> Json:
    """List coupons."""
    return page(fake.store, "coupon", params, "/v1/coupons")


def redeemable(fake: Fake, key: str, *, param: str) -> Json:
    """Return a coupon that can still be used."""
    found = fake.store.get("coupon", key, param=param)
    late = found["redeem_by"] is not None and found["redeem_by"] <= fake.now()
    if late or not found["valid"]:
        raise Refused(f"Coupon expired: {key}", code="coupon_expired", param=param)
    return found


def _percent(params: Params) -> float | None:
    value = params.text("percent_off")
    try:
        percent = None if value is None else float(value)
    except ValueError:
        percent = 0.0
    if percent is not None and not 0 < percent <= MAX_PERCENT:
        raise Refused("Invalid percent_off: must be greater than 0 and at most 100.", param="percent_off")
    return percent
