"""Products brought to Stripe: the first call about what has changed, and from each answer the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import CallKind
from db.transaction import fetch
from domain.catalog import drift
from domain.outward import stated
from domain.outward.call import Call, Response, Wanted, want
from domain.outward.product_rows import read_products
from domain.outward.product_sync import SyncProduct, Told, next_step

BATCH = 100
GONE = "resource_missing"

# What was refused is not asked for again, before something else is to be told.
DUE = f"""
SELECT p.id FROM products p
 WHERE p.sync_due_at <= %(at)s
   AND NOT EXISTS (SELECT FROM stripe_calls c WHERE c.product_id = p.id
                      AND (c.status = 'PENDING' OR c.status = 'PARKED' AND c.created_at >= p.sync_due_at))
 ORDER BY p.sync_due_at, p.id LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - our own text
HOLD = "SELECT stripe_product_id FROM products WHERE id = %(id)s FOR NO KEY UPDATE"
DONE = "UPDATE products SET sync_due_at = NULL WHERE id = ANY(%(ids)s)"
# Another product of ours may have it already: then this one gets one of its own.
NAME = """
UPDATE products p SET stripe_product_id = %(stripe_id)s
 WHERE p.id = %(id)s AND p.stripe_product_id IS NULL
   AND NOT EXISTS (SELECT FROM products other WHERE other.organization_id = p.organization_id
                      AND other.stripe_product_id = %(stripe_id)s)
"""
# A key belongs to one price at a time.
UNKEY = """
UPDATE stripe_prices SET lookup_key = NULL
 WHERE product_id = %(product)s AND lookup_key = %(lookup_key)s AND stripe_price_id <> %(price)s
"""
ADD = """
INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id)
VALUES (%(organization)s, %(price)s, %(product)s)
ON CONFLICT (organization_id, stripe_price_id) DO NOTHING
"""
# A price of steps or parts asks for no amount that could be compared: it is not the one that sells here.
NOTE = """
UPDATE stripe_prices
   SET unit_amount = %(unit_amount)s, currency = %(currency)s, billing_interval = %(interval)s,
       billing_interval_count = %(interval_count)s, lookup_key = %(lookup_key)s,
       active = %(active)s AND %(unit_amount)s::bigint IS NOT NULL
 WHERE product_id = %(product)s AND stripe_price_id = %(price)s
"""
# Another account, or mode, may have none of what this one had. The prices stay, so that late payments name them; those
# that nobody has looked at may be there.
LOSE_PRODUCT = (
    "UPDATE products SET stripe_product_id = NULL WHERE id = %(product)s AND stripe_product_id = %(gone)s RETURNING id"
)
LOSE_PRICES = "UPDATE stripe_prices SET active = FALSE WHERE product_id = %(product)s AND unit_amount IS NOT NULL"
LOSE_PRICE = "UPDATE stripe_prices SET active = FALSE WHERE product_id = %(product)s AND stripe_price_id = %(gone)s"
# Nobody needs to mend what was gone on from.
GO_ON = "UPDATE stripe_calls SET status = 'VOID' WHERE id = %(id)s AND status = 'PARKED'"
# Asked for, and none of this product's.
FORGET = """
UPDATE stripe_prices SET active = FALSE
 WHERE product_id = %(product)s AND unit_amount IS NULL AND (%(price)s::text IS NULL OR stripe_price_id = %(price)s)
"""


def want_due(session: Session, *, at: datetime) -> int:
    """Want the first call about products that Stripe must be told of, a batch of them; return how many there were."""
    ids = [row["id"] for row in fetch(session, DUE, at=at)]
    _go_on(session, list(read_products(session, ids).values()), {}, at=at)
    return len(ids)


def answered(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    """Note what Stripe has by now, and want the next call, if there is one."""
    product_id: int = call["product_id"]
    (held,) = fetch(session, HOLD, id=product_id)
    context = dict(call["context"])
    kind = CallKind(call["kind"])
    if kind in {CallKind.PRODUCT_CREATE, CallKind.PRODUCT_UPDATE}:
        told = _note_product(session, call, response, held["stripe_product_id"], at=at)
        context |= {"told": dict(told)} if told else {}
    else:
        _note_prices(session, call, response, at=at)
    _go_on(session, list(read_products(session, [product_id]).values()), context, at=at)


def refused(session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:  # noqa: ARG001 - the row has them
    """Leave a product due that Stripe will not have so; what is not there is forgotten, and made anew."""
    product_id: int = call["product_id"]
    fetch(session, HOLD, id=product_id)
    if call.get("stripe_code") != GONE:
        return
    context = dict(call["context"])
    if price := _missing_price(call):
        fetch(session, LOSE_PRICE, product=product_id, gone=price)
    elif context.get("anew"):
        # Stripe has just said that it made it.
        return
    elif product := _missing_product(call):
        if fetch(session, LOSE_PRODUCT, product=product_id, gone=product):
            fetch(session, LOSE_PRICES, product=product_id)
        context = {"anew": True}
    else:
        return
    fetch(session, GO_ON, id=call["id"])
    _go_on(session, list(read_products(session, [product_id]).values()), context, at=at)


def _missing_price(call: Call) -> str | None:
    """Return the price that Stripe does not have of what a call names."""
    params: Mapping[str, Any] = call["params"]
    if call["kind"] == CallKind.PRODUCT_UPDATE:
        return params.get("default_price") if call.get("stripe_param") == "default_price" else None
    return params.get("id")


def _missing_product(call: Call) -> str | None:
    """Return the product that Stripe does not have of what a call names."""
    params: Mapping[str, Any] = call["params"]
    return params.get("id" if call["kind"] == CallKind.PRODUCT_UPDATE else "product")


def _go_on(session: Session, products: Sequence[SyncProduct], context: Mapping[str, Any], *, at: datetime) -> None:
    """Want what is next of each product, held by then; what Stripe has is due no more.

    `context` goes with it: `told` is what Stripe said of the product in this turn, `anew` that it had lost it.
    """
    done = []
    for product in products:
        step = next_step(product, context.get("told"))
        if step is None:
            done.append(product.id)
            continue
        about: dict[str, Any] = {"organization_id": product.organization_id, "product_id": product.id}
        want(session, Wanted(kind=step.kind, params=step.params, context=context, **about), at=at)
    if done:
        fetch(session, DONE, ids=done)


def _note_product(session: Session, call: Call, said: Response, known: str | None, *, at: datetime) -> Told:
    """Note a product of Stripe's as ours; None where the catalog has named another one meanwhile."""
    if known is None:
        fetch(session, NAME, id=call["product_id"], stripe_id=said["id"])
    elif known != said["id"]:
        return None
    _keep(session, call, stated.product(said, at=at), at=at)
    return _as_sent(call, said)


def _as_sent(call: Call, said: Response) -> Response:
    """Return an answer with what was sent in our own words: of what Stripe writes otherwise nothing is sent again."""
    return {**said, **{name: value for name, value in call["params"].items() if name in said and name != "id"}}


def _note_prices(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    listed = response["data"] if call["kind"] == CallKind.PRICE_LIST else [response]
    for said in listed:
        _note_price(session, call, _as_sent(call, said), at=at)
    if call["kind"] != CallKind.PRICE_LIST:
        return
    named = call["params"].get("id")
    fetch(session, FORGET, product=call["product_id"], price=named)
    for said in listed if named else ():
        fetch(session, NAME, id=call["product_id"], stripe_id=said["product"])


def _note_price(session: Session, call: Call, said: Mapping[str, Any], *, at: datetime) -> None:
    """Note what Stripe says of a price; one that the catalog does not have is not ours, unless we made it."""
    about = {"product": call["product_id"], "price": said["id"]}
    if call["kind"] == CallKind.PRICE_CREATE:
        fetch(session, ADD, organization=call["organization_id"], **about)
    if said.get("lookup_key"):
        fetch(session, UNKEY, lookup_key=said["lookup_key"], **about)
    fetch(session, NOTE, **about, **stated.columns(said))
    _keep(session, call, stated.price(said, at=at), at=at)


def _keep(session: Session, call: Call, fact: drift.CatalogFact, *, at: datetime) -> None:
    """Keep what Stripe says beside what the catalog says, as its events are."""
    drift.keep(session, [drift.Heard(call["id"], call["organization_id"], None, None, fact, call["id"])], at=at)
