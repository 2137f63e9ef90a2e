"""A Checkout at Stripe: what is bought is checked as at the desk, a coupon is held, and Stripe is asked for the page.

The journey: the student is held, then the coupon, then the cohort; `checkout_page` says in plain Python what Stripe is
asked for; the command waits for its answer. A coupon is one of Stripe's first, made for this Checkout alone. One that
an earlier page of the student's holds is had from there first: see `checkout_earlier`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.models import CallKind
from db.transaction import fetch
from domain.booking.shape import written
from domain.desk import coupon_use
from domain.errors import CouponExhausted, NotFound, Refusal, StripeRefused, StripeUnavailable
from domain.family import Answer, Asked, Family, Job, check_begun
from domain.outward.call import Call, Response, Wanted, want
from domain.outward.checkout_command import CHECKOUT, Checkout, read
from domain.outward.checkout_earlier import earlier_page
from domain.outward.checkout_flaw import GONE, tell_again, without_customer, without_price
from domain.outward.checkout_page import Buyer, Params, Use, coupon_params, discount, line, page_params
from domain.outward.checkout_rules import bought_with, check_cohort
from domain.outward.job import finish
from domain.outward.product_rows import product_of_code
from domain.outward.product_sync import SyncProduct
from domain.purchase.holder import hold
from domain.purchase.products import product_on_sale
from domain.student import settled

# Whoever waits for a page to pay on has gone by then.
GIVE_UP_AFTER = timedelta(seconds=20)

# What Stripe says of a page that nobody can pay on any more; of one that it does not close it says what it is.
CLOSED = "expired"
PAID = "Choose another coupon: an earlier page holds this one, and was paid, or its payment is under way."
# A page holds its use for as long as it can be paid on.
KEEP = "UPDATE coupon_uses SET held_until = %(expires_at)s WHERE id = %(use)s AND status = 'HELD'"
JOB = "SELECT id, organization_id, student_id, request, due_at FROM jobs WHERE id = %(id)s"
# Of several customers the one who paid last.
BUYER = """
SELECT s.id, s.external_id, s.email,
       (SELECT c.stripe_customer_id FROM stripe_customers c
         WHERE c.student_id = s.id AND c.organization_id = s.organization_id
         ORDER BY (SELECT max(p.id) FROM payments p WHERE p.organization_id = c.organization_id
                      AND p.stripe_customer_id = c.stripe_customer_id) DESC NULLS LAST, c.stripe_customer_id
         LIMIT 1) AS customer
  FROM students s WHERE s.id = %(id)s
"""


def ask_stripe(session: Session, command: Checkout, *, at: datetime) -> Asked:
    """Check what is to be bought, hold its coupon, and want the page from Stripe.

    Raises:
        TooLate: it was not begun in time.
        NotFound: no such product on sale, or no such cohort of it.
        Refusal: the coupon or the cohort is not for this; see `bought_with` and `check_cohort`.

    """
    check_begun(command.due_at, at=at)
    return want_first(session, command, give_up_at=at + GIVE_UP_AFTER, at=at)


def want_first(session: Session, command: Checkout, *, give_up_at: datetime, at: datetime) -> Asked:
    """Do what `ask_stripe` does with a command that was begun in time; raises as it does."""
    hold(session, [command.student_id])
    (row,) = fetch(session, BUYER, id=command.student_id)
    product = product_on_sale(session, command.organization_id, command.product_code)
    known = product_of_code(session, command.organization_id, command.product_code)
    if product is None or known is None:
        raise NotFound("There is no product of this code on sale: GET /api/packages and /api/courses list them.")
    coupon, deal = bought_with(session, command, product, is_subscription=known.billing_interval is not None, at=at)
    check_cohort(session, command, product, at=at)
    about: dict[str, Any] = {"organization_id": command.organization_id, "job_id": command.job_id}
    about |= {"give_up_at": give_up_at}
    try:
        use = Use(coupon_use.hold(session, coupon.id, command.student_id, at=at), coupon.code) if coupon else None
    except CouponExhausted:
        if coupon is None or not (first := earlier_page(session, command, coupon.id, about)):
            raise
    else:
        buyer = Buyer(**row)
        page = page_params(known, buyer, command, deal.paid, use)
        context: dict[str, Any] = {"use": use.id if use else None, "email": buyer.email if buyer.is_reachable else None}
        context |= {"product": product.id, "spelled": line(known, deal.paid, is_spelled=True)}
        first = _first(known, deal.paid, use, page, about | {"context": context})
    want(session, first, at=at)
    return Asked()


def _first(product: SyncProduct, paid: int, use: Use | None, page: Params, about: Mapping[str, Any]) -> Wanted:
    """Return what Stripe is asked for first: a coupon where there is something to take off, else the page."""
    if use and discount(product, paid):
        more = {"context": about["context"] | {"page": page}}
        return Wanted(kind=CallKind.COUPON_CREATE, params=coupon_params(product, paid, use), **{**about, **more})
    return Wanted(kind=CallKind.CHECKOUT_CREATE, params=page, **about)


def answered(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    """Go on with the page once its coupon is there; end the command with the page, and hold its coupon as long."""
    if call["kind"] == CallKind.CHECKOUT_EXPIRE:
        _closed(session, call, response, at=at)
    elif call["kind"] == CallKind.COUPON_CREATE:
        page = call["context"]["page"] | {"discounts": [{"coupon": response["id"]}]}
        _ask_for_page(session, call, page, at=at)
    else:
        expires_at = datetime.fromtimestamp(response["expires_at"], UTC)
        fetch(session, KEEP, use=call["context"].get("use"), expires_at=expires_at)
        finish(session, call["job_id"], _result(response), at=at)


def refused(session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:
    """Give back the coupon and end the command; where Stripe has lost the customer or the price, ask again without."""
    if call["kind"] == CallKind.CHECKOUT_EXPIRE:
        _not_closed(session, call, code, reason, at=at)
        return
    if page := without_customer(call) or without_price(call, reason):
        tell_again(session, call, reason, at=at)
        _ask_for_page(session, call, page, at=at)
        return
    if use := call["context"].get("use"):
        coupon_use.release(session, use)
    finish(session, call["job_id"], _refusal(code, reason), at=at)


def _closed(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    """Go on with the command where the earlier page is closed, whoever did it; end it where that was paid."""
    if response["status"] == CLOSED:
        _begin_anew(session, call, at=at)
    else:
        finish(session, call["job_id"], CouponExhausted(PAID), at=at)


def _not_closed(session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:
    """End the command where the earlier page stands; one that Stripe does not have is nobody's to pay on."""
    if call.get("stripe_code") == GONE:
        _begin_anew(session, call, at=at)
    else:
        finish(session, call["job_id"], _refusal(code, reason), at=at)


def _begin_anew(session: Session, call: Call, *, at: datetime) -> None:
    """Give back what the earlier page held, which nobody can pay on any more, and go on with the command.

    Its student may have been merged while Stripe was asked.
    """
    (job,) = fetch(session, JOB, id=call["job_id"])
    student = settled(session, [job["student_id"]])[job["student_id"]]
    # Before the coupon, as everywhere.
    hold(session, [student])
    coupon_use.release(session, call["context"]["held"])
    try:
        with session.begin_nested():
            want_first(session, read(job | {"student_id": student}), give_up_at=call["give_up_at"], at=at)
    except Refusal as refusal:
        finish(session, job["id"], refusal, at=at)


def _ask_for_page(session: Session, call: Call, page: Mapping[str, Any], *, at: datetime) -> None:
    context = {name: value for name, value in call["context"].items() if name != "page"}
    about = {name: call[name] for name in ("organization_id", "job_id", "give_up_at")}
    want(session, Wanted(kind=CallKind.CHECKOUT_CREATE, params=page, context=context, **about), at=at)


def _result(response: Response) -> dict[str, Any]:
    return {
        "url": response["url"],
        "id": response["id"],
        "expiresAt": written(datetime.fromtimestamp(response["expires_at"], UTC)),
        "amountTotal": response["amount_total"],
        "currency": str(response["currency"]).upper(),
    }


def _refusal(code: str, reason: str) -> Refusal:
    if code == StripeRefused.code:
        return StripeRefused(f"Tell the studio that Stripe does not sell this: {reason}")
    return StripeUnavailable(reason)


def _act(session: Session, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    return {job["id"]: _answer(session, read(job), at=at) for job in jobs}


def _answer(session: Session, command: Checkout, *, at: datetime) -> Answer:
    """Begin a Checkout, or leave nothing behind."""
    try:
        with session.begin_nested():
            return ask_stripe(session, command, at=at)
    except Refusal as refusal:
        return refusal


# One at a time: a coupon is locked by its code, after the student.
CHECKOUTS = Family((CHECKOUT,), _act, alone=True)
