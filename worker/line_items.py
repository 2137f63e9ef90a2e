"""Ask Stripe what a Checkout sold, where its metadata does not say; never inside a transaction that holds locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from db.models import EventStatus
from db.transaction import fetch, transaction
from domain.inbox.verdict import Parked
from worker import clock
from worker.log import describe
from worker.stripe_api import client
from worker.stripe_event import parse
from worker.stripe_field import MAX_LINES
from worker.stripe_inbox import LINE_ITEMS

if TYPE_CHECKING:
    from stripe import LineItem, ListObject

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
LONGEST_DELAY = timedelta(hours=1)

REFUSED = Parked(
    "stripe_unavailable",
    "Stripe refuses to say what was bought: check STRIPE_API_KEY and the account, then replay",
)
UNKNOWN = Parked(
    "unrecognised_purchase",
    "Stripe has no such Checkout for this key: it was made in another account or mode, or by hand."
    " Check STRIPE_API_KEY, then replay; or refund it in Stripe",
)

TAKE = """
UPDATE stripe_events SET waits_for = NULL, due_at = %(until)s, asks = asks + 1
 WHERE id IN (SELECT id FROM stripe_events WHERE waits_for = %(name)s AND status = 'RECEIVED'
               ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, payload, account, asks
"""


# Whoever was frozen while it asked finds that the row was taken again, and changes nothing.
ANSWER = """
UPDATE stripe_events
   SET line_items = coalesce(%(line_items)s, line_items), due_at = %(due_at)s, status = %(status)s,
       error_code = %(code)s, last_error = %(reason)s, finished_at = %(finished_at)s
 WHERE id = %(id)s AND asks = %(asks)s AND status = 'RECEIVED'
"""


def ask_one(engine: Engine) -> bool:
    """Ask for the line items of one event and make it due again; return whether there was one to ask for."""
    at = clock.now()
    with transaction(engine) as session:
        rows = fetch(session, TAKE, until=at + LEASE, name=LINE_ITEMS)
    for row in rows:
        answer = _ask(row, at)
        with transaction(engine) as session:
            fetch(session, ANSWER, id=row["id"], asks=row["asks"], **_columns(answer, at))
    return bool(rows)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: line items, a reason to park, or neither yet, to be asked again at `due_at`."""

    due_at: datetime
    line_items: dict[str, Any] | None = None
    parked: Parked | None = None


def _ask(row: dict[str, Any], at: datetime) -> Answer:
    try:
        return _answered(_line_items(row), at)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next row is asked for all the same
        if _is_refusal(error):
            log.warning("stripe.refused", row=row["id"], error=describe(error))
            return Answer(at, parked=UNKNOWN if _is_missing(error) else REFUSED)
        log.warning("stripe.away", row=row["id"], asks=row["asks"], error=describe(error))
        return Answer(at + min(timedelta(seconds=2 ** min(row["asks"], 12)), LONGEST_DELAY))


def _is_missing(error: Exception) -> bool:
    """Say whether Stripe was asked, and has no such Checkout."""
    return getattr(error, "code", None) == "resource_missing"


def _is_refusal(error: Exception) -> bool:
    """Say whether asking again cannot help; everything else passes."""
    from stripe import AuthenticationError, InvalidRequestError, PermissionError  # noqa: A004, PLC0415

    return isinstance(error, InvalidRequestError | AuthenticationError | PermissionError)


def _line_items(row: dict[str, Any]) -> ListObject[LineItem]:
    checkout = parse(row["payload"])["data"]["object"]["id"]  # type: ignore[index]
    options: Any = {"stripe_account": row["account"]} if row["account"] else {}
    return client().v1.checkout.sessions.line_items.list(checkout, {"limit": MAX_LINES}, options)


def _answered(lines: ListObject[LineItem], at: datetime) -> Answer:
    data = [{"price": {"id": line.price and line.price.id}, "quantity": line.quantity} for line in lines.data]
    if data and not lines.has_more:
        return Answer(at, line_items={"data": data})
    reason = "Stripe's line items do not say what was bought: refund it in Stripe"
    return Answer(at, parked=Parked("unrecognised_purchase", reason))


def _columns(answer: Answer, at: datetime) -> dict[str, Any]:
    parked = answer.parked
    return {
        "line_items": Jsonb(answer.line_items) if answer.line_items else None,
        "due_at": answer.due_at,
        "status": parked.status if parked else EventStatus.RECEIVED.value,
        "code": parked.code if parked else None,
        "reason": parked.reason if parked else None,
        "finished_at": at if parked else None,
    }
