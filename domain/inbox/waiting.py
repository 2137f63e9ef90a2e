"""Events that wait for a fact, and what brings them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch

# A row that another drain holds is looked at by that one.
WAKE = """
UPDATE stripe_events SET status = 'RECEIVED', due_at = %(at)s, waits_for = NULL, attempts = 0, sweeps = 0,
       finished_at = NULL
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_events
        WHERE waits_for = ANY(%(names)s) AND status IN ('RECEIVED', 'FAILED') {condition}
        ORDER BY id FOR UPDATE SKIP LOCKED))
RETURNING id
"""


def wake(session: Session, payments: Sequence[str], *, at: datetime) -> None:
    """Make events due that waited for payments; one that began to wait meanwhile is looked at again anyway."""
    if payments:
        fetch(session, WAKE.format(condition=""), names=[f"payment:{key}" for key in payments], at=at)


def take_up(session: Session, organization_id: int, names: Sequence[str], *, at: datetime) -> int:
    """Make events due that were parked for product codes, prices or Stripe products; return how many."""
    wanted = [f"product:{name}" for name in names]
    statement = WAKE.format(condition="AND organization_id = %(organization)s")
    return len(fetch(session, statement, names=wanted, organization=organization_id, at=at))
