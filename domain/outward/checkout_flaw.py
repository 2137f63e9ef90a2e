"""Why Stripe refuses a page although it could be sold: it has lost the customer, or does not sell by the price."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.outward.call import Call
from domain.outward.checkout_page import Params

# Stripe's own word for what it does not have.
GONE = "resource_missing"
# It has none for what is there and not for sale, but says so.
NOT_SOLD = ("inactive", "not active", "no such price")

TELL = "UPDATE products SET sync_due_at = %(at)s WHERE id = %(product)s"
# Another one is made in its place.
RETIRED = "UPDATE stripe_prices SET active = FALSE WHERE product_id = %(product)s AND stripe_price_id = %(price)s"


def without_customer(call: Call) -> Params | None:
    """Return a page without the customer whom Stripe has lost; None where that is not what it says."""
    if call.get("stripe_code") != GONE or call.get("stripe_param") != "customer":
        return None
    page = {name: value for name, value in call["params"].items() if name != "customer"}
    email = call["context"].get("email")
    return page | ({"customer_email": email} if email else {})


def without_price(call: Call, reason: str) -> Params | None:
    """Return a page with its price spelled out; None where it was, or where Stripe does not refuse the price."""
    if _price(call) is None or "spelled" not in call["context"]:
        return None
    is_gone = call.get("stripe_code") == GONE and "[price]" in str(call.get("stripe_param"))
    if not is_gone and not any(words in reason.lower() for words in NOT_SOLD):
        return None
    return dict(call["params"]) | {"line_items": [call["context"]["spelled"]]}


def tell_again(session: Session, call: Call, reason: str, *, at: datetime) -> None:
    """Have Stripe told of a product again whose price it refuses; it makes another price, unless it is the product."""
    if without_price(call, reason) is None:
        return
    about = {"product": call["context"]["product"]}
    if "product" not in reason.lower():
        fetch(session, RETIRED, price=_price(call), **about)
    fetch(session, TELL, at=at, **about)


def _price(call: Call) -> str | None:
    lines = call["params"].get("line_items")
    return lines[0].get("price") if lines else None
