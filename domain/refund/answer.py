"""What Stripe answers to a refund that was ordered: acted on as its webhook would be, which may never come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import RefundStatus, ReviewKind
from db.transaction import fetch
from domain.errors import Refusal, StripeRefused, StripeUnavailable
from domain.outward.call import Call, Response
from domain.outward.job import finish
from domain.purchase.fact import REFUSED, RefundFact
from domain.purchase.fulfillment import fulfil
from domain.purchase.holder import refresh_flags
from domain.purchase.payment import Purchase
from domain.purchase.told import Told
from domain.refund.asking import WORTH, payment_key
from domain.refund.lines import give_back
from domain.refund.notes import note, refusal_of
from domain.refund.view import RefundView, refunds_of, shown
from domain.refund.whole import say

# The payment first, then the student (docs/adr/0003): credits come back, and nobody spends them meanwhile.
HOLD_PAYMENT = """
SELECT id, organization_id, stripe_key, facts FROM payments
 WHERE id = (SELECT o.payment_id FROM refunds r JOIN orders o ON o.id = r.order_id WHERE r.id = %(refund)s)
   FOR NO KEY UPDATE
"""
HOLD_STUDENT = """
SELECT id FROM students
 WHERE id = (SELECT o.student_id FROM refunds r JOIN orders o ON o.id = r.order_id WHERE r.id = %(refund)s)
   FOR NO KEY UPDATE
"""
# What Stripe told of by a webhook meanwhile stands, whatever became of the answer.
FAIL = """
UPDATE refunds SET status = 'FAILED', last_error = %(reason)s, finished_at = %(at)s
 WHERE id = %(refund)s AND status = 'REQUESTED' AND stripe_refund_id IS NULL RETURNING id, order_id, is_whole
"""
ORDER = "SELECT order_id FROM refunds WHERE id = %(refund)s"


def answered(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    """Act on the refund that Stripe made: a fact of its payment, as if it had been told by a webhook."""
    fact = _fact(call, response)
    fulfil(session, [Told(call["id"], call["organization_id"], (fact,), fact.key)], at=at)
    _end(session, call, at=at)


def refused(session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:
    """Give back what a refund took that Stripe will not make, or that could not be asked for; staff hear of it."""
    refund_id: int = call["refund_id"]
    (payment,) = fetch(session, HOLD_PAYMENT, refund=refund_id)
    (student,) = fetch(session, HOLD_STUDENT, refund=refund_id)
    failed = fetch(session, FAIL, refund=refund_id, reason=f"{code}: {reason}", at=at)
    if not failed:
        _end(session, call, at=at)
        return
    if failed[0]["is_whole"]:
        # It took nothing: who ordered it is told, and that is all.
        purchase = Purchase(payment["organization_id"], payment["stripe_key"], payment["facts"])
        say(session, payment["id"], purchase, refund_id, REFUSED)
        refresh_flags(session, {student["id"]}, at=at)
    else:
        give_back(session, [refund_id], at=at)
        note(session, [(failed[0]["order_id"], ReviewKind.REFUND_FAILED, refusal_of(refund_id))], at=at)
    if call["job_id"] is not None:
        finish(session, call["job_id"], _refusal(code, reason), at=at)


def _fact(call: Call, response: Response) -> RefundFact:
    key = payment_key(call["params"])
    said: dict[str, Any] = {"source": f"refund:{response['id']}", "key": key, "ours": str(call["refund_id"])}
    said |= {"currency": (response.get("currency") or "").upper() or None}
    said |= {"worth": call["params"]["metadata"].get(WORTH)}
    return RefundFact(status=response["status"] or "pending", amount=response["amount"], **said)


def _end(session: Session, call: Call, *, at: datetime) -> None:
    """End the command that waits, with what became of its refund."""
    if call["job_id"] is None:
        return
    refund = _view(session, call["refund_id"])
    outcome: dict[str, Any] | Refusal = {"refund": shown(refund)}
    if refund.status is RefundStatus.FAILED:
        outcome = StripeRefused(f"{refund.last_error}. What it took back is there again: pay it back otherwise.")
    finish(session, call["job_id"], outcome, at=at)


def _view(session: Session, refund_id: int) -> RefundView:
    (row,) = fetch(session, ORDER, refund=refund_id)
    found = refunds_of(session, [row["order_id"]])[row["order_id"]]
    return next(each for each in found if each.id == refund_id)


def _refusal(code: str, reason: str) -> Refusal:
    """Return why a command ends: Stripe said no, or nobody knows what it would have said."""
    return StripeRefused(reason) if code == StripeRefused.code else StripeUnavailable(reason)
