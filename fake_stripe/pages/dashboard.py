"""The dashboard: what was paid, what is sold, what was told, and buttons for all that may happen to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from flask import Flask, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.manner import SHAPES
from fake_stripe.pages import words
from fake_stripe.pages.deeds import DEEDS, Deed
from fake_stripe.store import Json

ROWS = 25
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
View = Callable[[Fake], Json]


def register(app: Flask, fake: Fake) -> None:
    """Add the pages, and what their buttons do."""
    words.register(app)
    app.add_url_rule("/", "home", lambda: redirect(url_for("payments")))
    app.add_url_rule("/fake.css", "style", lambda: Response(render_template("fake.css"), mimetype="text/css"))
    for name, path, view in VIEWS:
        app.add_url_rule(path, name, partial(_page, fake, name, view))
    for back, path, deed in DEEDS:
        app.add_url_rule(f"/dashboard/{path}", f"do {path}", partial(_do, fake, back, deed), methods=["POST"])
    app.after_request(_guarded)


def _page(fake: Fake, name: str, view: View) -> str:
    with fake.store.transaction():
        shown = view(fake)
    return render_template(f"{name}.html", here=name, **shown)


def _do(fake: Fake, back: str, deed: Deed, **ids: str) -> Redirect:
    """Do what a button says, and say what was done."""
    try:
        with fake.act():
            flash(deed(fake, request.form, **ids), "good")
    except Refused as refused:
        flash(refused.envelope["error"]["message"], "bad")
    return redirect(url_for(back), 303)


def _guarded(response: Response) -> Response:
    """Let a page load nothing but its style, and nobody show it within theirs."""
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-store"
    return response


def _rows(fake: Fake, kind: str) -> Json:
    """Return one page of objects, newest first, and from where the next one goes on."""
    after = fake.store.position(kind, request.args.get("after", ""))
    found = list(islice(fake.store.walk(kind, after=after), ROWS + 1))
    return {"rows": found[:ROWS], "next": found[ROWS - 1]["id"] if len(found) > ROWS else None}


def _payments(fake: Fake) -> Json:
    shown = _rows(fake, "charge")
    for charge in shown["rows"]:
        charge["refund_rows"] = fake.store.where("refund", "charge", charge["id"])
        charge["dispute_rows"] = fake.store.where("dispute", "charge", charge["id"])
        left = charge["amount_captured"] - charge["amount_refunded"]
        charge["left"] = left if charge.get("_refundable", True) else 0
    return shown | _checkouts(fake)


def _checkouts(fake: Fake) -> Json:
    unpaid = fake.store.where("checkout.session", "payment_status", "unpaid")
    banks = [each for each in unpaid if each["status"] == "complete" and not each.get("_settled")]
    still_open = [each for each in unpaid if each["status"] == "open" and each["expires_at"] > fake.now()]
    return {"banks": banks, "open": still_open[:ROWS]}


def _subscriptions(fake: Fake) -> Json:
    shown = _rows(fake, "subscription")
    for each in shown["rows"]:
        each["item"] = each["items"]["data"][0]
        each["email"] = fake.store.get("customer", each["customer"])["email"]
        product = fake.store.find("product", each["item"]["price"]["product"])
        each["product_name"] = product["name"] if product else each["item"]["price"]["product"]
    return shown


def _products(fake: Fake) -> Json:
    shown = _rows(fake, "product")
    for each in shown["rows"]:
        each["prices"] = fake.store.where("price", "product", each["id"])
    return shown


def _events(fake: Fake) -> Json:
    lost = set(fake.webhooks.manner.dropped)
    return _rows(fake, "event") | {"lost": lost}


def _webhooks(fake: Fake) -> Json:
    told: dict[str, Any] = fake.webhooks.manner.told()
    endpoints = list(fake.store.walk("webhook_endpoint"))
    return {
        "manner": told,
        "endpoints": endpoints,
        "given": fake.webhooks.given_url,
        "waiting": fake.webhooks.waiting(),
        "shapes": SHAPES,
    }


VIEWS: tuple[tuple[str, str, View], ...] = (
    ("payments", "/dashboard", _payments),
    ("subscriptions", "/dashboard/subscriptions", _subscriptions),
    ("products", "/dashboard/products", _products),
    ("events", "/dashboard/events", _events),
    ("webhooks", "/dashboard/webhooks", _webhooks),
)
