"""The page on which a Checkout is paid, and one to land on afterwards."""

from __future__ import annotations

from functools import partial

from flask import Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from fake_stripe.acts import checking_out
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.store import Json

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
MAX_FIELD = 200


def register(app: Flask, fake: Fake) -> None:
    """Add the pages."""
    app.add_url_rule("/c/pay/<key>", "checkout", partial(_page, fake))
    app.add_url_rule("/c/pay/<key>", "pay", partial(_pay, fake), methods=["POST"])
    app.add_url_rule("/done", "done", _done)


def _page(fake: Fake, key: str) -> str:
    with fake.store.transaction():
        session = fake.store.find("checkout.session", key) or abort(404)
        customer = fake.store.find("customer", session["customer"]) if session["customer"] else None
        lines = fake.store.where("line_item", "_checkout", key)[::-1]
    return render_template(
        "checkout.html",
        session=session,
        lines=lines,
        status="expired" if _is_late(fake, session) else session["status"],
        email=session["customer_email"] or (customer or {}).get("email"),
        landing=_landing(session),
    )


def _pay(fake: Fake, key: str) -> Response:
    email, name = (request.form.get(field, "").strip()[:MAX_FIELD] or None for field in ("email", "name"))
    method = request.form.get("method", "card")
    try:
        with fake.act():
            session = checking_out.pay(fake, key, method=method, email=email, name=name)
    except Refused as refused:
        return redirect(url_for("checkout", key=key, trouble=refused.envelope["error"].get("code", "refused")), 303)
    if session["status"] == "open":
        return redirect(url_for("checkout", key=key, trouble="declined"), 303)
    return redirect(_landing(session), 303)


def _done() -> str:
    return render_template("done.html")


def _is_late(fake: Fake, session: Json) -> bool:
    return bool(session["status"] == "open" and session["expires_at"] <= fake.now())


def _landing(session: Json) -> str:
    """Return where a browser goes when it was paid."""
    url = str(session["success_url"])
    return url.replace(PLACEHOLDER, session["id"])
