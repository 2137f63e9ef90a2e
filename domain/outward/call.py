"""A call to Stripe, wanted in the transaction that needs it: a row first, made by the relay, answered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from db.models import CallKind
from db.transaction import fetch

# A row of the calls as its answer finds it: id, organization_id, kind, params, context, job_id, product_id, refund_id,
# give_up_at; of one that Stripe refused also `stripe_code` and `stripe_param`, in Stripe's own words.
Call = Mapping[str, Any]
# What Stripe answered, in Stripe's own words, as far as it matters.
Response = Mapping[str, Any]

# A product has one call at a time: whoever wants another one finds that it is under way.
INSERT = """
INSERT INTO stripe_calls (organization_id, kind, params, context, account, job_id, product_id, refund_id, give_up_at,
                          message_id, due_at, created_at)
SELECT id, %(kind)s, %(params)s, %(context)s, stripe_account_id, %(job_id)s, %(product_id)s, %(refund_id)s,
       %(give_up_at)s, %(message_id)s, %(at)s, %(at)s
  FROM organizations WHERE id = %(organization_id)s
ON CONFLICT (product_id) WHERE status = 'PENDING' DO NOTHING
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call that is to be made; `params` are sent as they stand, the id of what they change among them.

    `context` is what whoever wants it must know when the answer comes, `job_id` the command that waits for it, and
    `give_up_at` until when. The account is the organization's own at Stripe, if it has one.
    """

    organization_id: int
    kind: CallKind
    params: Mapping[str, Any]
    context: Mapping[str, Any] = field(default_factory=dict)
    job_id: int | None = None
    product_id: int | None = None
    refund_id: int | None = None
    give_up_at: datetime | None = None


def want(session: Session, wanted: Wanted, *, at: datetime) -> int | None:
    """Write a call that is to be made as soon as this transaction is committed; return its id.

    None where the product that it is about has one under way. The key under which Stripe knows it is made here, and
    stays the same however often it is tried.
    """
    values = {
        "organization_id": wanted.organization_id,
        "kind": wanted.kind.value,
        "params": Jsonb(dict(wanted.params)),
        "context": Jsonb(dict(wanted.context)),
        "job_id": wanted.job_id,
        "product_id": wanted.product_id,
        "refund_id": wanted.refund_id,
        "give_up_at": wanted.give_up_at,
        "message_id": str(uuid4()),
    }
    rows = fetch(session, INSERT, at=at, **values)
    return int(rows[0]["id"]) if rows else None
