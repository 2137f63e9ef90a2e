"""What happens to a Checkout: it is paid, declined, paid by a bank that takes its time, or left until it expires."""

from __future__ import annotations

from fake_stripe.acts import charging, subscribing
from fake_stripe.acts.charging import Payer
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.nouns.checkout import customer_details
from fake_stripe.nouns.customer import customer
from fake_stripe.store import Json

METHODS = ("card", "async", "declined")


def pay(fake: Fake, key: str, *, method: str = "card", email: str | None = None, name: str | None = None) -> Json:
    """Pay a Checkout and return it; a declined card leaves it open.

    Raises:
        Refused: it is not open, or cannot be paid so.

    """
    session = still_open(fake, key)
    _check_method(session, method)
    payer = _payer(fake, session, email, name, keep=method != "declined")
    if method == "declined":
        charging.decline(fake, _intent(fake, session, payer), payer)
        return fake.store.put("checkout.session", session)
    session |= {"status": "complete", "url": None, "customer": payer.customer}
    session["customer_details"] = customer_details(payer.email, payer.name)
    _redeem(fake, session)
    if session["mode"] == "subscription":
        _subscribe(fake, session, payer)
    else:
        _take(fake, session, payer, method)
    fake.emit("checkout.session.completed", fake.store.put("checkout.session", session))
    return session


def settle(fake: Fake, key: str, *, paid: bool) -> Json:
    """Say what the bank said, days after the Checkout was completed."""
    session = fake.store.get("checkout.session", key)
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        raise Refused("This Checkout Session does not wait for a bank.", code="checkout_not_processing")
    charging.settle(fake, fake.store.get("payment_intent", session["payment_intent"]), paid=paid)
    session["payment_status"] = "paid" if paid else "unpaid"
    # A bank that refused has spoken; the Checkout stays unpaid for ever.
    session["_settled"] = True
    ended = "succeeded" if paid else "failed"
    fake.emit(f"checkout.session.async_payment_{ended}", fake.store.put("checkout.session", session))
    return session


def expire(fake: Fake, key: str) -> Json:
    """End a Checkout that is open."""
    session = fake.store.get("checkout.session", key)
    if session["status"] != "open":
        said = f"This Checkout Session has a status of `{session['status']}`."
        raise Refused(f'Only Checkout Sessions with a status in ["open"] can be expired. {said}')
    return _expire(fake, session)


def expire_due(fake: Fake) -> None:
    """End every Checkout whose time has passed."""
    with fake.store.transaction():
        for session in fake.store.where("checkout.session", "status", "open"):
            if session["expires_at"] <= fake.now():
                fake.request = {"id": None, "idempotency_key": None}
                _expire(fake, session)


def still_open(fake: Fake, key: str) -> Json:
    """Return a Checkout that can be paid.

    Raises:
        Refused: there is none, or it was paid or has expired.

    """
    session = fake.store.get("checkout.session", key)
    if session["status"] == "open" and session["expires_at"] <= fake.now():
        session = {**session, "status": "expired"}
    if session["status"] != "open":
        raise Refused(f"This Checkout Session is {session['status']}.", code="checkout_not_open")
    return session


def _expire(fake: Fake, session: Json) -> Json:
    session |= {"status": "expired", "url": None}
    fake.emit("checkout.session.expired", fake.store.put("checkout.session", session))
    return session


def _check_method(session: Json, method: str) -> None:
    if method not in METHODS:
        raise Refused(f"method must be one of {', '.join(METHODS)}", param="method")
    if method == "async" and session["mode"] == "subscription":
        raise Refused("Here a subscription is paid by card.", param="method")
    if method != "card" and not session["amount_total"]:
        raise Refused("There is nothing to pay, so that no card is asked.", param="method")


def _payer(fake: Fake, session: Json, email: str | None, name: str | None, *, keep: bool) -> Payer:
    known = fake.store.find("customer", session["customer"]) if session["customer"] else None
    email = session["customer_email"] or (known or {}).get("email") or email or "visitor@example.com"
    if known or not keep or session["customer_creation"] != "always":
        return Payer(email, name, session["customer"])
    made = customer(email=email, name=name, at=fake.now())
    fake.emit("customer.created", fake.store.put("customer", made))
    return Payer(email, name, made["id"])


def _intent(fake: Fake, session: Json, payer: Payer) -> Json:
    """Return the Checkout's PaymentIntent, which is made when somebody first tries to pay."""
    if session["_intent"]:
        return fake.store.get("payment_intent", session["_intent"]) | {"customer": payer.customer}
    metadata = dict(session["_payment_metadata"]) if session["mode"] == "payment" else {}
    intent = charging.begin(fake, session["amount_total"], session["currency"], payer, metadata)
    session["_intent"] = intent["id"]
    return intent


def _take(fake: Fake, session: Json, payer: Payer, method: str) -> None:
    if not session["amount_total"]:
        session["payment_status"] = "no_payment_required"
        return
    take = charging.debit if method == "async" else charging.succeed
    intent = take(fake, _intent(fake, session, payer), payer)
    paid = intent["status"] == "succeeded"
    session |= {"payment_intent": intent["id"], "payment_status": "paid" if paid else "unpaid"}


def _subscribe(fake: Fake, session: Json, payer: Payer) -> None:
    lines = fake.store.where("line_item", "_checkout", session["id"])[::-1]
    discount = session["total_details"]["amount_discount"]
    intent = _intent(fake, session, payer) if session["amount_total"] else None
    made = subscribing.start(fake, lines, payer, session["_subscription_metadata"], intent, discount=discount)
    session |= {"subscription": made["id"], "invoice": made["latest_invoice"], "payment_intent": None}
    session["payment_status"] = "paid" if session["amount_total"] else "no_payment_required"


def _redeem(fake: Fake, session: Json) -> None:
    for each in session["discounts"]:
        coupon = fake.store.find("coupon", each["coupon"])
        if coupon is None:
            continue
        coupon["times_redeemed"] += 1
        most = coupon["max_redemptions"]
        coupon["valid"] = coupon["valid"] and (most is None or coupon["times_redeemed"] < most)
        fake.store.put("coupon", coupon)
