"""What Stripe was asked for, as staff see it: what became of each call and why; and one that was refused, again.

What was sent is not shown: it may say who a student is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session

from db.models import CallKind, DeliveryStatus, Organization, Product, StripeCall
from db.transaction import fetch
from domain.errors import CallFinal, StripeRefused
from domain.listing import Part, newest_first

FINAL = {
    DeliveryStatus.SENT: "Stripe has done it: a second time would be another one.",
    DeliveryStatus.VOID: "It is wanted no more.",
    DeliveryStatus.PENDING: "It waits, and is made by itself.",
}
HELD = """
SELECT status, error_code, product_id FROM stripe_calls
 WHERE id = %(id)s AND (%(organization)s::bigint IS NULL OR organization_id = %(organization)s) FOR UPDATE
"""
# Whether Stripe did it is not known: under its key it does it once.
AGAIN = """
UPDATE stripe_calls SET status = 'PENDING', due_at = %(at)s, attempts = 0, crashes = 0, error_code = NULL
 WHERE id = %(id)s AND NOT EXISTS (SELECT FROM stripe_calls other
                                    WHERE other.product_id = stripe_calls.product_id AND other.status = 'PENDING')
RETURNING id
"""
VOID = "UPDATE stripe_calls SET status = 'VOID' WHERE id = %(id)s"
# What is to be told follows from what the product is by then.
TELL = "UPDATE products SET sync_due_at = %(at)s WHERE id = %(product)s"


@dataclass(frozen=True, slots=True)
class CallView:
    """A call; `organization` is a slug, `product_code`, `refund_id` and `job_id` what it is about."""

    id: int
    organization: str
    kind: CallKind
    status: DeliveryStatus
    product_code: str | None
    refund_id: int | None
    job_id: int | None
    attempts: int
    due_at: datetime
    error_code: str | None
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None

    @property
    def next_attempt_at(self) -> datetime | None:
        """When it is due; None once it ended."""
        return self.due_at if self.status is DeliveryStatus.PENDING else None


def calls(
    session: Session, organization_id: int | None, status: DeliveryStatus | None, kind: CallKind | None, part: Part
) -> list[CallView]:
    """Return calls, newest first; of all organizations where none is named."""
    wanted = _calls(organization_id).where(
        true() if status is None else StripeCall.status == status, true() if kind is None else StripeCall.kind == kind
    )
    return [CallView(**row) for row in session.execute(newest_first(wanted, StripeCall.id, part)).mappings()]


def retry(session: Session, call_id: int, organization_id: int | None, *, at: datetime) -> CallView | None:
    """Have Stripe told again of a product that it refused, as the product is by now; None where there is no such call.

    Raises:
        CallFinal: it was not refused; or a command ended with it, whose caller was told so.

    """
    held = fetch(session, HELD, id=call_id, organization=organization_id)
    if not held:
        return None
    row = held[0]
    if row["status"] != DeliveryStatus.PARKED:
        raise CallFinal(FINAL[DeliveryStatus(row["status"])])
    if row["product_id"] is None:
        raise CallFinal("Whoever asked was told that it failed: have them send their command again.")
    is_refused = row["error_code"] == StripeRefused.code
    if is_refused or not fetch(session, AGAIN, id=call_id, at=at):
        fetch(session, VOID, id=call_id)
        fetch(session, TELL, product=row["product_id"], at=at)
    found = session.execute(_calls(organization_id).where(StripeCall.id == call_id)).mappings().one()
    return CallView(**found)


def _calls(organization_id: int | None) -> Select[Any]:
    columns = (
        StripeCall.id,
        Organization.slug.label("organization"),
        StripeCall.kind,
        StripeCall.status,
        Product.code.label("product_code"),
        StripeCall.refund_id,
        StripeCall.job_id,
        StripeCall.attempts,
        StripeCall.due_at,
        StripeCall.error_code,
        StripeCall.last_error,
        StripeCall.created_at,
        StripeCall.sent_at,
    )
    found = select(*columns).join(Organization, Organization.id == StripeCall.organization_id)
    mine = true() if organization_id is None else StripeCall.organization_id == organization_id
    return found.outerjoin(Product, Product.id == StripeCall.product_id).where(mine)
