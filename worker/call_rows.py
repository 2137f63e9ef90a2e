"""Calls to Stripe as rows: leased, marked with what became of them, put off, given up.

A call is leased in a transaction of its own, by the database's clock, before Stripe is asked. What became of it is
marked only by who still holds the lease, together with what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.models import CallKind, DeliveryStatus
from db.transaction import Rows, fetch, transaction
from domain.errors import StripeRefused, StripeUnavailable
from domain.outward.answer import answered, refused
from worker import clock
from worker.log import describe
from worker.stripe_ask import Answer, No, NotNow, Unanswered
from worker.stripe_inbox import ASKING

log = structlog.get_logger(__name__)

# A call ends by itself after twice the client's timeout; one that does not is taken for lost.
CALL_SECONDS = 12
# Longer than a call is waited for.
LEASE_SECONDS = 15
# A call whose process died so often is taken for the cause.
MAX_CRASHES = 5
# Stripe demands half an hour at least, counted when it hears of a Checkout.
CHECKOUT_LASTS = timedelta(minutes=31)
NO_KEY = "Stripe cannot be asked: set STRIPE_API_KEY"
TOO_LONG = "Stripe did not answer in time"
# Shown to who waits for it, and kept nowhere else.
NOT_KEPT = {"url"}

# Two that lease wait for each other here, so that the second one sees what the first one took.
ALONE = "SELECT 1 FROM drains WHERE inbox = 'stripe_calls' FOR NO KEY UPDATE"
FREE = "(lease_until IS NULL OR lease_until < clock_timestamp())"
COLUMNS = """
id, organization_id, kind, params, context, account, job_id, product_id, refund_id, give_up_at, message_id, attempts,
crashes, created_at
"""
LEASE = f"""
UPDATE stripe_calls
   SET lease_token = %(token)s, lease_until = clock_timestamp() + make_interval(secs => {LEASE_SECONDS}),
       attempts = attempts + 1, crashes = crashes + (lease_until IS NOT NULL)::int,
       params = CASE WHEN kind = 'CHECKOUT_CREATE' AND NOT params ? 'expires_at'
                     THEN params || jsonb_build_object('expires_at', %(expires_at)s::bigint) ELSE params END
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_calls
        WHERE status = 'PENDING' AND due_at <= %(at)s AND {FREE} AND (give_up_at IS NULL OR give_up_at > %(at)s)
          AND NOT EXISTS (SELECT FROM stripe_calls other WHERE other.status = 'PENDING'
                             AND other.lease_until > clock_timestamp() AND other.lease_token <> %(token)s)
          AND (%(is_asking)s OR NOT EXISTS (SELECT FROM stripe_events asked
                                             WHERE asked.waits_for = '{ASKING}' AND asked.status = 'RECEIVED'
                                               AND asked.due_at > %(at)s))
        ORDER BY job_id IS NULL, due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED))
RETURNING {COLUMNS}
"""  # noqa: S608 - our own text
# What waited for too long; without a key, all that somebody waits for.
IN_VAIN = f"""
status = 'PENDING' AND {FREE} AND (give_up_at <= %(at)s OR NOT %(has_key)s AND job_id IS NOT NULL AND due_at <= %(at)s)
"""
HOPELESS = f"SELECT id FROM stripe_calls WHERE {IN_VAIN} ORDER BY id"  # noqa: S608 - our own text
TAKE = f"""
UPDATE stripe_calls SET lease_token = NULL, lease_until = NULL WHERE id = %(id)s AND {IN_VAIN} RETURNING {COLUMNS}
"""  # noqa: S608 - our own text
# Whoever was frozen while it asked finds that the call is somebody else's by now, and changes nothing.
MARK = """
UPDATE stripe_calls
   SET status = %(status)s, response = %(response)s, error_code = %(code)s, last_error = %(reason)s,
       sent_at = %(sent_at)s, lease_token = NULL, lease_until = NULL
 WHERE id = %(id)s AND status = 'PENDING' AND lease_token IS NOT DISTINCT FROM %(token)s RETURNING id
"""
POSTPONE = """
UPDATE stripe_calls SET due_at = %(due_at)s, last_error = %(reason)s, lease_token = NULL, lease_until = NULL,
       message_id = coalesce(%(key)s::uuid, message_id)
 WHERE id = %(id)s AND status = 'PENDING' AND lease_token = %(token)s
"""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a call: done, with the answer as far as it is kept, or refused, with why."""

    status: DeliveryStatus
    response: Row | None = None
    code: str | None = None
    reason: str | None = None
    sent_at: datetime | None = None

    @property
    def columns(self) -> Row:
        """What its row says of it."""
        return {
            "status": self.status.value,
            "response": None if self.response is None else Jsonb(self.response),
            "code": self.code,
            "reason": self.reason,
            "sent_at": self.sent_at,
        }


def lease(engine: Engine, token: str, most: int, *, is_asking: bool = False) -> Rows:
    """Lease calls that are due, those first that somebody waits for; none while another process asks Stripe.

    `is_asking` where this one asks what a Checkout sold.
    """
    at = clock.now()
    expires_at = int((at + CHECKOUT_LASTS).timestamp())
    with transaction(engine) as session:
        fetch(session, ALONE)
        return fetch(session, LEASE, token=token, at=at, most=most, expires_at=expires_at, is_asking=is_asking)


def settle(engine: Engine, row: Row, token: str, answer: Answer) -> None:
    """Mark a call and act on its answer in one transaction; what cannot be acted on now is asked for again."""
    at = clock.now()
    with structlog.contextvars.bound_contextvars(call=row["id"], kind=row["kind"]):
        try:
            with transaction(engine) as session:
                _act(session, row, token, answer, at)
        except Exception as error:
            log.exception("call.not_settled")
            with transaction(engine) as session:
                _postpone(session, row, token, Unanswered(describe(error)), at)


def lost(engine: Engine, row: Row, token: str) -> bool:
    """Refuse a call whose process died each time; say whether it is one."""
    if row["crashes"] < MAX_CRASHES:
        return False
    ended = Ended(DeliveryStatus.PARKED, None, "worker_lost", f"the process that called died {row['crashes']} times")
    with transaction(engine) as session:
        _refuse(session, row, token, ended, clock.now())
    return True


def _act(session: Session, row: Row, token: str, answer: Answer, at: datetime) -> None:
    if isinstance(answer, Unanswered | NotNow):
        log.warning("call.unanswered", attempts=row["attempts"], reason=answer.reason)
        _postpone(session, row, token, answer, at)
    elif isinstance(answer, No):
        said = row | {"stripe_code": answer.code, "stripe_param": answer.param}
        _refuse(session, said, token, Ended(DeliveryStatus.PARKED, None, StripeRefused.code, answer.reason), at)
    else:
        kept = {name: value for name, value in answer.items() if name not in NOT_KEPT}
        if _mark(session, row, token, Ended(DeliveryStatus.SENT, kept, sent_at=at)):
            answered(session, row, answer, at=at)


def _refuse(session: Session, row: Row, token: str | None, ended: Ended, at: datetime) -> None:
    log.warning("call.refused", code=ended.code, reason=ended.reason)
    if _mark(session, row, token, ended):
        refused(session, row, ended.code or "", ended.reason or "", at=at)


def _mark(session: Session, row: Row, token: str | None, ended: Ended) -> bool:
    return bool(fetch(session, MARK, id=row["id"], token=token, **ended.columns))


def _postpone(session: Session, row: Row, token: str | None, answer: Unanswered | NotNow, at: datetime) -> None:
    """Have a call made again under its key: after 1 s, 2 s, 4 s, or as Stripe says; not after it is to be given up.

    Where Stripe keeps a fault under the key, another one is taken: that made nothing, or what nobody is harmed by. But
    for money that goes back, whose key is forgotten after a day.
    """
    due_at = at + answer.delay(row["attempts"])
    due_at = min(due_at, row["give_up_at"] or due_at)
    key = str(uuid4()) if answer.is_kept and row["kind"] != CallKind.REFUND_CREATE else None
    fetch(session, POSTPONE, id=row["id"], token=token, due_at=due_at, reason=answer.reason, key=key)


def give_up(engine: Engine, *, has_key: bool) -> None:
    """Refuse what is waited for in vain, each in a transaction of its own."""
    at = clock.now()
    with transaction(engine) as session:
        ids = [row["id"] for row in fetch(session, HOPELESS, at=at, has_key=has_key)]
    for call in ids:
        try:
            with transaction(engine) as session:
                for row in fetch(session, TAKE, id=call, at=at, has_key=has_key):
                    reason = f"{TOO_LONG}: try again later" if has_key else NO_KEY
                    _refuse(session, row, None, Ended(DeliveryStatus.PARKED, None, StripeUnavailable.code, reason), at)
        except Exception:
            log.exception("call.not_given_up", call=call)
