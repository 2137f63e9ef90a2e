"""Ask Stripe what a Checkout sold, where its metadata does not say; never inside a transaction that holds locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from db.models import EventStatus
from db.transaction import fetch, transaction
from domain.inbox.verdict import Parked
from worker import clock
from worker.call_rows import ALONE, Row
from worker.runtime import hints
from worker.stripe_api import client
from worker.stripe_ask import Answer, No, NotNow, Unanswered, meaning_of
from worker.stripe_event import parse
from worker.stripe_field import MAX_LINES
from worker.stripe_inbox import ASKING, LINE_ITEMS

log = structlog.get_logger(__name__)

# Longer than Stripe is waited for.
LEASE = timedelta(seconds=15)
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

# One at a time, and by the process alone that makes calls. `worker.call_rows.ALONE` is held.
TAKE = f"""
UPDATE stripe_events SET waits_for = '{ASKING}', due_at = %(until)s, asks = asks + 1
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_events
        WHERE waits_for = '{LINE_ITEMS}' AND status = 'RECEIVED'
          AND NOT EXISTS (SELECT FROM stripe_events asked
                           WHERE asked.waits_for = '{ASKING}' AND asked.status = 'RECEIVED' AND asked.due_at > %(at)s)
          AND NOT EXISTS (SELECT FROM stripe_calls call WHERE call.status = 'PENDING'
                             AND call.lease_until > clock_timestamp() AND call.lease_token <> %(token)s)
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED))
RETURNING id, payload, account, asks
"""  # noqa: S608 - our own text

# Whoever was frozen while it asked finds that the row was taken again, and changes nothing.
ANSWER = """
UPDATE stripe_events
   SET line_items = coalesce(%(line_items)s, line_items), due_at = %(due_at)s, status = %(status)s, waits_for = NULL,
       error_code = %(code)s, last_error = %(reason)s, finished_at = %(finished_at)s
 WHERE id = %(id)s AND asks = %(asks)s AND status = 'RECEIVED'
"""


def take_one(engine: Engine, token: str) -> Row | None:
    """Take an event whose line items Stripe is to be asked for; None while another process asks Stripe."""
    at = clock.now()
    with transaction(engine) as session:
        fetch(session, ALONE)
        rows = fetch(session, TAKE, token=token, at=at, until=at + LEASE)
    return rows[0] if rows else None


def ask(row: Row) -> Answer:
    """Ask for the line items of an event's Checkout and return what came of it; whatever happens is an answer."""
    try:
        return _listed(row)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next row is asked for all the same
        return meaning_of(error)


def settle(engine: Engine, row: Row, answer: Answer) -> None:
    """Keep what Stripe answered, and make the event due again."""
    at = clock.now()
    with transaction(engine) as session:
        fetch(session, ANSWER, id=row["id"], asks=row["asks"], **_columns(_outcome(row, answer, at), at))
    hints().send("stripe")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: line items, a reason to park, or neither yet, to be asked again at `due_at`."""

    due_at: datetime
    line_items: dict[str, Any] | None = None
    parked: Parked | None = None


def _outcome(row: Row, answer: Answer, at: datetime) -> Outcome:
    if isinstance(answer, Unanswered | NotNow):
        log.warning("stripe.away", row=row["id"], asks=row["asks"], error=answer.reason)
        delay = min(timedelta(seconds=2 ** min(row["asks"], 12)), LONGEST_DELAY)
        return Outcome(at + max(delay, answer.wait or timedelta()))
    if isinstance(answer, No):
        log.warning("stripe.refused", row=row["id"], error=answer.code)
        return Outcome(at, parked=UNKNOWN if answer.code == "resource_missing" else REFUSED)
    if answer["data"] and not answer["has_more"]:
        return Outcome(at, line_items={"data": answer["data"]})
    reason = "Stripe's line items do not say what was bought: refund it in Stripe"
    return Outcome(at, parked=Parked("unrecognised_purchase", reason))


def _listed(row: Row) -> dict[str, Any]:
    checkout = parse(row["payload"])["data"]["object"]["id"]  # type: ignore[index]
    options: Any = {"stripe_account": row["account"]} if row["account"] else {}
    lines = client().v1.checkout.sessions.line_items.list(checkout, {"limit": MAX_LINES}, options)
    data = [{"price": {"id": line.price and line.price.id}, "quantity": line.quantity} for line in lines.data]
    return {"data": data, "has_more": lines.has_more}


def _columns(outcome: Outcome, at: datetime) -> dict[str, Any]:
    parked = outcome.parked
    return {
        "line_items": Jsonb(outcome.line_items) if outcome.line_items else None,
        "due_at": outcome.due_at,
        "status": parked.status if parked else EventStatus.RECEIVED.value,
        "code": parked.code if parked else None,
        "reason": parked.reason if parked else None,
        "finished_at": at if parked else None,
    }
