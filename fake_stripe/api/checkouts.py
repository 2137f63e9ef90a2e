"""Checkout Sessions, each with a page to pay on."""

from __future__ import annotations

from fake_stripe.acts import checking_out
from fake_stripe.api import coupons, prices
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.ids import fresh
from fake_stripe.listing import page, same
from fake_stripe.nouns.checkout import checkout, line_item
from fake_stripe.nouns.product import discount_of
from fake_stripe.store import Json

MODES = ("payment", "subscription")
SHORTEST, LONGEST = 30 * 60, 24 * 60 * 60
MAX_QUANTITY = 999_999
URL_SCHEMES = ("http://", "https://")


def create(fake: Fake, params: Params) -> Json:
    """Make a Checkout Session."""
    mode = str(params.choice("mode", MODES, params.required("mode")))
    sold = [_sold(fake, line, mode) for line in params.each("line_items")]
    currency = _one_currency(sold)
    session = checkout(mode, currency, at=fake.now())
    session["expires_at"] = _expires_at(fake, params)
    _addressed(session, params)
    _bought_by(fake, session, params)
    _metadata(session, params)
    _price(fake, session, sold, _coupon(fake, params, currency))
    session["url"] = f"{fake.base}/c/pay/{session['id']}"
    return fake.store.put("checkout.session", session)


def listing(fake: Fake, params: Params) -> Json:
    """List Checkout Sessions."""
    fits = [same(name, params.text(name)) for name in ("customer", "payment_intent", "status", "subscription")]
    return page(fake.store, "checkout.session", params, "/v1/checkout/sessions", *fits)


def line_items(fake: Fake, params: Params, session: str) -> Json:
    """List what a Checkout Session sells."""
    fake.store.get("checkout.session", session)
    url = f"/v1/checkout/sessions/{session}/line_items"
    return page(fake.store, "line_item", params, url, same("_checkout", session))


def expire(fake: Fake, params: Params, session: str) -> Json:
    """End a Checkout Session that is open."""
    return checking_out.expire(fake, session)


def _sold(fake: Fake, line: Params, mode: str) -> tuple[Json, Json, int]:
    """Return price, product and quantity of a line."""
    data = line.member("price_data")
    if data is None:
        param = line.name("price")
        price = fake.store.get("price", line.required("price"), param=param)
        if not price["active"]:
            said = "The price specified is inactive. This field only accepts active prices."
            raise Refused(said, param=param)
    else:
        price = prices.made_of(fake, data, fresh("price")) | {"active": False}
        fake.store.put("price", price)
    if mode == "payment" and price["recurring"]:
        said = "You specified `payment` mode but passed a recurring price."
        raise Refused(said, param="mode")
    quantity = line.integer("quantity", least=1, most=MAX_QUANTITY)
    if quantity is None:
        raise Refused("Quantity is required.", code="parameter_missing", param=line.name("quantity"))
    product = fake.store.get("product", price["product"])
    if not product["active"]:
        raise Refused(f"The product {product['id']} is marked as inactive.", param=line.name("price"))
    return price, product, quantity


def _one_currency(sold: list[tuple[Json, Json, int]]) -> str:
    currencies = {price["currency"] for price, _, _ in sold}
    if not currencies:
        raise Refused("Missing required param: line_items.", code="parameter_missing", param="line_items")
    if len(currencies) > 1:
        raise Refused("The Checkout Session has prices in several currencies.", param="line_items")
    return str(currencies.pop())


def _expires_at(fake: Fake, params: Params) -> int:
    at = params.integer("expires_at")
    if at is None:
        return fake.now() + LONGEST
    if at < fake.now() + SHORTEST:
        said = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise Refused(said, param="expires_at")
    if at > fake.now() + LONGEST:
        said = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise Refused(said, param="expires_at")
    return at


def _addressed(session: Json, params: Params) -> None:
    for name in ("success_url", "cancel_url"):
        url = params.required(name) if name == "success_url" else params.text(name)
        if url is not None and not url.startswith(URL_SCHEMES):
            raise Refused("Not a valid URL", code="url_invalid", param=name)
        session[name] = url
    params.choice("ui_mode", ("hosted", "hosted_page"))
    session["locale"], session["submit_type"] = params.text("locale"), params.text("submit_type")


def _bought_by(fake: Fake, session: Json, params: Params) -> None:
    customer, email = params.text("customer"), params.text("customer_email")
    if customer and email:
        raise Refused("You may only specify one of these parameters: customer, customer_email.")
    session["customer"] = fake.store.get("customer", customer, param="customer")["id"] if customer else None
    session["customer_email"] = email
    session["client_reference_id"] = params.text("client_reference_id")
    creation = params.choice("customer_creation", ("always", "if_required"))
    if creation and session["mode"] == "subscription":
        raise Refused("`customer_creation` can only be used in `payment` mode.", param="customer_creation")
    session["customer_creation"] = None if customer else (creation or session["customer_creation"])
    session["payment_method_types"] = params.texts("payment_method_types") or ["card"]


def _metadata(session: Json, params: Params) -> None:
    """Take the metadata of the session, and those that go to what it makes."""
    session["metadata"] = params.metadata()
    payment, subscription = params.member("payment_intent_data"), params.member("subscription_data")
    if payment and session["mode"] != "payment":
        raise Refused("You can not pass `payment_intent_data` in `subscription` mode.", param="payment_intent_data")
    if subscription and session["mode"] != "subscription":
        raise Refused("You can not pass `subscription_data` in `payment` mode.", param="subscription_data")
    session["_payment_metadata"] = payment.metadata() if payment else {}
    session["_description"] = payment.text("description") if payment else None
    session["_subscription_metadata"] = subscription.metadata() if subscription else {}
    session["_intent"] = None


def _coupon(fake: Fake, params: Params, currency: str) -> Json | None:
    discounts = params.each("discounts")
    if not discounts:
        return None
    if len(discounts) > 1:
        raise Refused("You can pass at most one discount.", param="discounts")
    param = discounts[0].name("coupon")
    found = coupons.redeemable(fake, discounts[0].required("coupon"), param=param)
    if found["amount_off"] is not None and found["currency"] != currency:
        raise Refused("The coupon's currency does not match that of the Checkout Session.", param=param)
    return found


def _price(fake: Fake, session: Json, sold: list[tuple[Json, Json, int]], coupon: Json | None) -> None:
    """Write the lines and the sums; a discount is spread over the lines, to the last minor unit."""
    subtotal = sum(price["unit_amount"] * quantity for price, _, quantity in sold)
    discount = discount_of(coupon, subtotal)
    before = given = 0
    for price, product, quantity in sold:
        before += price["unit_amount"] * quantity
        share = discount * before // subtotal - given if subtotal else 0
        given += share
        line = line_item(price, product["name"], quantity, discount=share)
        fake.store.put("line_item", line | {"_checkout": session["id"], "created": fake.now()})
    session["amount_subtotal"], session["amount_total"] = subtotal, subtotal - discount
    session["total_details"]["amount_discount"] = discount
    session["discounts"] = [{"coupon": coupon["id"], "promotion_code": None}] if coupon else []
