"""Run a stored event again, because a person says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.models import EventStatus, StripeEvent
from domain.errors import PayloadDeleted
from domain.inbox.again import due_again
from domain.inbox.event_view import EventFilter, EventView, find, is_kept, matching, visible
from domain.inbox.retention import KEPT_FOR


def replay(session: Session, event_id: int, organization_id: int | None, *, at: datetime) -> EventView | None:
    """Make an event due at once, whatever became of it, if it may be seen.

    Effects happen once, so that replaying a processed event is harmless. The last error stays to be
    read until the event succeeds.

    Raises:
        PayloadDeleted: what it said is kept no longer.

    """
    wanted = update(StripeEvent).where(StripeEvent.id == event_id, visible(organization_id), is_kept())
    due = session.execute(wanted.values(_due(at)).returning(StripeEvent.id)).all()
    event = find(session, event_id, organization_id)
    if event and not due:
        raise PayloadDeleted(
            f"What event {event.id} said was deleted, at the latest {KEPT_FOR}: it took effect then, and cannot again."
            f" If something of it is missing, resend {event.event_id} from Stripe, or reconcile with Stripe."
        )
    return event


def replay_all(session: Session, wanted: EventFilter, organization_id: int | None, *, at: datetime) -> int:
    """Make every event due that a filter means, that may be seen and still has what it said; return how many."""
    chosen = update(StripeEvent).where(matching(wanted), visible(organization_id), is_kept()).values(_due(at))
    return len(session.execute(chosen.returning(StripeEvent.id)).all())


def deleted(session: Session, wanted: EventFilter, organization_id: int | None) -> int:
    """Return how many events a filter means that cannot be replayed: what they said is kept no longer."""
    gone = matching(wanted), visible(organization_id), ~is_kept()
    return session.scalar(select(func.count()).select_from(StripeEvent).where(*gone)) or 0


def _due(at: datetime) -> dict[str, Any]:
    return {"status": EventStatus.RECEIVED} | due_again(at)
