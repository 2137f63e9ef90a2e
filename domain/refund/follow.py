"""What Stripe says became of refunds and disputes: our refunds follow it, and staff hear what a person must look at.

All of it is a function of the set of a payment's facts: whatever order they came in, and however often, the refunds,
the ledger and the list of what staff must look at end the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import Refund, RefundStatus
from db.transaction import Rows, fetch
from domain.purchase.fact import RefundSaid
from domain.purchase.payment import Purchase
from domain.purchase.turn import State
from domain.refund.lines import give_back
from domain.refund.notes import Order, settle
from domain.refund.undone import tell_undone

OURS = """
SELECT id, order_id, status, is_whole, stripe_refund_id, last_error, finished_at FROM refunds
 WHERE order_id = ANY(%(orders)s) ORDER BY id
"""
Row = dict[str, Any]

# What a refund ends as by Stripe's word; others are on their way.
ENDS = {"succeeded": RefundStatus.SUCCEEDED, "failed": RefundStatus.FAILED, "canceled": RefundStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Refunded:
    """An order of whose payment something new is known about refunds or disputes; `before` is what was known."""

    order_id: int
    organization_id: int
    student_id: int
    purchase: Purchase
    before: Purchase | None


def follow(session: Session, told: Sequence[Refunded], *, at: datetime) -> None:
    """Do what facts about refunds and disputes ask for; payments and students are held, and what was bought is granted.

    It numbers events of the students in the database: nobody may write a number after it that was read before.
    """
    if not told:
        return
    rows = _by_order(fetch(session, OURS, orders=[each.order_id for each in told]))
    told_of = [(row, each.purchase) for each in told for row in rows[each.order_id]]
    changes = [change for row, purchase in told_of if (change := _change(row, purchase, at=at))]
    update(session, Refund, changes)
    give_back(session, [each["id"] for each in changes if each["status"] == RefundStatus.FAILED], at=at)
    tell_undone(session, [(each.order_id, refund) for each in told for refund in _undone(each)], at=at)
    settle(session, [_order(each, rows[each.order_id]) for each in told], at=at)


def _by_order(rows: Rows) -> Mapping[int, Rows]:
    found: dict[int, Rows] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


def said_of(purchase: Purchase, refund_id: int) -> RefundSaid | None:
    """Return what Stripe says of a refund of ours; should it have made two of it, the other is nobody's order.

    The one whose money went back is ours, else the first by its id.
    """
    named = [said for said in purchase.refunds if said.ours == str(refund_id)]
    return next((said for said in named if said.counts), named[0] if named else None)


def _change(row: Row, purchase: Purchase, *, at: datetime) -> Row | None:
    """Return what becomes of a refund of ours by what is known now; one that failed stays so: its credits are back."""
    said, known = said_of(purchase, row["id"]), RefundStatus(row["status"])
    if said is None:
        return None
    status = known if known is RefundStatus.FAILED else ENDS.get(said.status, RefundStatus.REQUESTED)
    if (status, said.id) == (known, row["stripe_refund_id"]):
        return None
    ended = None if status is RefundStatus.REQUESTED else at
    has_failed = status is RefundStatus.FAILED is not known
    return {
        "id": row["id"],
        "status": status.value,
        "stripe_refund_id": said.id,
        "last_error": f"Stripe says of it: {said.status}" if has_failed else row["last_error"],
        "finished_at": row["finished_at"] if status is known else ended,
    }


def _undone(told: Refunded) -> Iterator[str]:
    """Yield the Stripe ids of refunds that were done by what was known, and came to nothing.

    Of packages that are valid again for it a mail of their own tells.
    """
    before = told.before
    if before is None or (State.of(before), State.of(told.purchase)) == (State.REVOKED, State.STANDING):
        return
    done = set(before.refunds_done)
    yield from (refund.id for refund in told.purchase.refunds if refund.id in done and not refund.counts)


def _order(told: Refunded, rows: Rows) -> Order:
    """Return what is to be noted of an order; a refund that Stripe made though ours had ended is nobody's order."""
    failed = {row["id"] for row in rows if row["status"] == RefundStatus.FAILED}
    said = {row["id"]: said_of(told.purchase, row["id"]) for row in rows}
    ours = {each.id for refund_id, each in said.items() if each and refund_id not in failed}
    refused = [row["id"] for row in rows if row["id"] in failed and not row["is_whole"] and not said[row["id"]]]
    return Order(told.order_id, told.purchase, ours, refused)
