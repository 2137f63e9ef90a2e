"""One call to Stripe by its row, in the official library's words; and what an answer, or none, means for the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Any

from db.models import CallKind
from domain.outward.call import Call
from domain.redaction import redact
from worker import clock
from worker.log import describe
from worker.stripe_api import client

Json = dict[str, Any]

PRODUCT = ("id", "name", "description", "active", "metadata", "default_price", "updated")
PRICE = ("id", "product", "unit_amount", "currency", "recurring", "active", "lookup_key", "metadata", "created")
# What is kept of an answer.
KEPT: Mapping[CallKind, tuple[str, ...]] = {
    CallKind.PRODUCT_CREATE: PRODUCT,
    CallKind.PRODUCT_UPDATE: PRODUCT,
    CallKind.PRICE_CREATE: PRICE,
    CallKind.PRICE_UPDATE: PRICE,
    CallKind.COUPON_CREATE: ("id", "amount_off", "currency"),
    CallKind.CHECKOUT_CREATE: ("id", "url", "expires_at", "amount_total", "currency", "status", "payment_status"),
    CallKind.CHECKOUT_EXPIRE: ("id", "status", "payment_status"),
    CallKind.REFUND_CREATE: (
        "id", "status", "amount", "currency", "charge", "payment_intent", "failure_reason", "metadata", "created",
    ),
}  # fmt: skip
PAGE = 100
MOST_PRICES = 1_000
# Stripe forgets keys after a day: from then on a refund that nobody heard of would be made a second time.
SEARCH_AFTER = timedelta(hours=12)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_REASON = 500
KEY_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# A key is mended by a person; what nobody waits for can wait for that.
KEY_REFUSED_AGAIN = timedelta(minutes=10)
REPLAYED = "idempotent-replayed"
KEY_REFUSED = "Stripe refuses the key: check STRIPE_API_KEY, what it may do, and the organization's account"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Whether Stripe did it is not known, or it did not: to be tried again, not before `wait` if it said so.

    `is_down` where nobody was there at all, and not only this call went wrong; `is_kept` where Stripe answers the key
    with the fault that it kept under it, and always will.
    """

    reason: str
    wait: timedelta | None = None
    is_down: bool = False
    is_kept: bool = False

    def delay(self, attempts: int) -> timedelta:
        """Return for how long it is put off after so many tries."""
        return min(max(timedelta(seconds=2 ** min(attempts - 1, 12)), self.wait or timedelta()), LONGEST_DELAY)


@dataclass(frozen=True, slots=True)
class NotNow:
    """Stripe refuses whoever asks, and will until somebody mends that: to be tried again after `wait`."""

    reason: str
    wait: timedelta
    is_kept: bool = False

    def delay(self, _attempts: int) -> timedelta:
        """Return for how long it is put off."""
        return self.wait


@dataclass(frozen=True, slots=True)
class No:
    """Stripe will not do it, and trying again cannot help. `code` and `param` are Stripe's own words."""

    reason: str
    code: str | None = None
    param: str | None = None


Answer = Json | Unanswered | NotNow | No


def ask(call: Call) -> Answer:
    """Make a call under its key and return what came of it; whatever happens is an answer."""
    try:
        return _made(call)
    except Exception as error:  # noqa: BLE001 - the row keeps it, and the next one is called for all the same
        meaning = meaning_of(error)
        if call["job_id"] is None and getattr(error, "http_status", None) in KEY_STATUSES:
            return NotNow(KEY_REFUSED, KEY_REFUSED_AGAIN)
        return meaning


def _made(call: Call) -> Json:
    kind = CallKind(call["kind"])
    options = {"stripe_account": call["account"]} if call["account"] else {}
    if kind is CallKind.PRICE_LIST:
        return _prices(call["params"], options)
    if kind is CallKind.REFUND_CREATE and (known := _known_refund(call, options, at=clock.now())):
        return _kept(known, KEPT[kind])
    made = _do(kind, dict(call["params"]), options | {"idempotency_key": str(call["message_id"])})
    return _kept(made, KEPT[kind])


def _do(kind: CallKind, params: Any, options: Any) -> Any:  # noqa: ANN401 - the library's own shapes
    """Do what is asked; the id of what is changed stands among the parameters."""
    stripe = client().v1
    creates: Mapping[CallKind, Any] = {
        CallKind.PRODUCT_CREATE: stripe.products,
        CallKind.PRICE_CREATE: stripe.prices,
        CallKind.COUPON_CREATE: stripe.coupons,
        CallKind.CHECKOUT_CREATE: stripe.checkout.sessions,
        CallKind.REFUND_CREATE: stripe.refunds,
    }
    if kind in creates:
        return creates[kind].create(params, options)
    if kind is CallKind.CHECKOUT_EXPIRE:
        return _closed(params["id"], options)
    changed: Any = stripe.products if kind is CallKind.PRODUCT_UPDATE else stripe.prices
    return changed.update(params.pop("id"), params, options)


def _closed(page: str, options: Any) -> Any:  # noqa: ANN401 - the library's own shapes
    """Close a page. Stripe closes one that is open, and no other: then return it as it is, closed before, or paid."""
    from stripe import InvalidRequestError  # noqa: PLC0415

    pages = client().v1.checkout.sessions
    looking: Any = {name: said for name, said in options.items() if name != "idempotency_key"}
    try:
        return pages.expire(page, {}, options)
    except InvalidRequestError:
        return pages.retrieve(page, {}, looking)


def _prices(params: Mapping[str, Any], options: Any) -> Json:  # noqa: ANN401 - the library's own shape
    """Return the prices of a product, or the one that is named."""
    if "id" in params:
        return {"data": [_kept(client().v1.prices.retrieve(params["id"], {}, options), PRICE)], "has_more": False}
    listed = client().v1.prices.list({"product": params["product"], "limit": PAGE}, options)
    found = list(islice(listed.auto_paging_iter(), MOST_PRICES + 1))
    return {"data": [_kept(price, PRICE) for price in found[:MOST_PRICES]], "has_more": len(found) > MOST_PRICES}


def _known_refund(call: Call, options: Any, *, at: datetime) -> Any:  # noqa: ANN401 - the library's own object
    """Return the refund that an old call made without our hearing of it; None where there is none."""
    if at - call["created_at"] < SEARCH_AFTER:
        return None
    ours = call["params"]["metadata"]["punchcard_refund"]
    about: Any = {name: call["params"][name] for name in ("payment_intent", "charge") if name in call["params"]}
    listed = client().v1.refunds.list(about | {"limit": 100}, options)
    return next((each for each in listed.auto_paging_iter() if _metadata(each).get("punchcard_refund") == ours), None)


def _metadata(refund: Any) -> Json:  # noqa: ANN401 - the library's own object
    return dict(_plain(refund.metadata) or {})


def _kept(answered: Any, names: tuple[str, ...]) -> Json:  # noqa: ANN401 - the library's own object
    said = _plain(answered)
    return {name: said[name] for name in names if name in said}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    return value.to_dict() if hasattr(value, "to_dict") else value


def meaning_of(error: Exception) -> Unanswered | No:
    """Say whether trying again may help: Stripe was away, busy or at fault; a refusal is final."""
    status = getattr(error, "http_status", None)
    if status is None:
        return Unanswered(describe(error), is_down=_is_unreachable(error))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}:
        return Unanswered(f"Stripe answers {status}", _retry_after(error), is_kept=bool(_said(error, REPLAYED)))
    if status in KEY_STATUSES:
        return No(KEY_REFUSED)
    said = str(getattr(error, "user_message", None) or f"Stripe answers {status}")
    reason = redact("".join(char if char.isprintable() else " " for char in said))[:LONGEST_REASON]
    return No(reason, getattr(error, "code", None), getattr(error, "param", None))


def _is_unreachable(error: Exception) -> bool:
    from stripe import APIConnectionError  # noqa: PLC0415

    return isinstance(error, APIConnectionError)


def _retry_after(error: Exception) -> timedelta | None:
    said = _said(error, "retry-after")
    return timedelta(seconds=int(said)) if said.isdecimal() and len(said) < len("86400") else None


def _said(error: Exception, header: str) -> str:
    """Return what a header of an error's answer says."""
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    return next((str(value) for name, value in headers.items() if name.lower() == header), "")
