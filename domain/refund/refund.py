"""Order a refund: what it takes back is written first, with the call to Stripe that pays it.

The journey of a command: the payment and the student are held, `decide` says in plain Python what goes back, its rows
are written, and the job waits for Stripe's answer (`domain.refund.answer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import Refund as RefundRow
from domain.errors import Refusal
from domain.family import Answer, Asked, Family, Job, check_begun
from domain.purchase.holder import refresh_flags
from domain.purchase.withdraw import cancel_ahead
from domain.refund.asking import Ordered, ask
from domain.refund.command import REFUND, Refund, read
from domain.refund.decide import ALL, Decision, by_policy, parts, payment_of, unused, wanted, whole
from domain.refund.facts import Held, Overtaken, again, hold
from domain.refund.lines import take
from domain.refund.telling import REQUESTED, tell
from domain.refund.whole import say

# A student who is merged or an order that moves is there the next time.
ROUNDS = 10


def refund(session: Session, command: Refund, *, at: datetime) -> Asked:
    """Order a refund, and wait for what Stripe says of it.

    Raises:
        TooLate: it was not begun in time.
        Refusal: see `hold`, and what `decide` refuses.
        Overtaken: the order went to another student meanwhile.

    """
    check_begun(command.due_at, at=at)
    held = hold(session, command, at=at)
    purchase = payment_of(held)
    decision = _decide(session, held, command, at=at)
    money = {"amount": decision.amount, "currency": purchase.currency}
    row = {"organization_id": held.organization_id, "order_id": held.order_id, "is_whole": decision.is_whole} | money
    row |= {"reason": command.reason, "actor": command.actor, "created_at": at}
    refund_id: int = insert(session, RefundRow, [row], returning="id")[0]["id"]
    if decision.is_whole and held.payment_id:
        say(session, held.payment_id, purchase, refund_id)
        refresh_flags(session, {held.student_id}, at=at)
    take(session, held.organization_id, refund_id, decision.taken, at=at)
    about = {"refundId": refund_id, "isWhole": decision.is_whole}
    tell(session, REQUESTED, [(held.order_id, about | money)], at=at)
    ask(session, held, Ordered(refund_id, decision.amount, command.job_id), at=at)
    return Asked()


def _decide(session: Session, held: Held, command: Refund, *, at: datetime) -> Decision:
    if not command.is_empty:
        return parts(held, held.lines, wanted(held, command))
    if by_policy(held) == ALL:
        return whole(held)
    # What is bound in bookings ahead is unused, too, once those are given up.
    cancel_ahead(session, held.packages, at=at)
    lines = again(session, held, at=at)
    return parts(held, lines, unused(lines))


def _act(session: Session, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    return {job["id"]: _answer(session, read(job), at=at) for job in jobs}


def _answer(session: Session, command: Refund, *, at: datetime) -> Answer:
    """Order a refund whole, or leave nothing behind."""
    for _ in range(ROUNDS):
        try:
            # Whatever was locked and written in it is given back with it.
            with session.begin_nested():
                return refund(session, command, at=at)
        except Refusal as refusal:
            return refusal
        except Overtaken:
            continue
    raise Overtaken


# The payment is held before the student: nothing else of a batch may be held by then.
REFUNDS = Family((REFUND,), _act, alone=True)
