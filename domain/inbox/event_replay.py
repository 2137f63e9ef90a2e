"""Run a stored event again, because a person says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import EventStatus, StripeEvent
from domain.inbox.again import due_again
from domain.inbox.event_view import EventFilter, EventView, find, matching, visible


def replay(session: Session, event_id: int, organization_id: int | None, *, at: datetime) -> EventView | None:
    """Make an event due at once, whatever became of it, if it may be seen.

    Effects happen once, so that replaying a processed event is harmless. The last error stays to be
    read until the event succeeds.
    """
    wanted = update(StripeEvent).where(StripeEvent.id == event_id, visible(organization_id))
    session.execute(wanted.values(_due(at)))
    return find(session, event_id, organization_id)


def replay_all(session: Session, wanted: EventFilter, organization_id: int | None, *, at: datetime) -> int:
    """Make every event due that a filter means and that may be seen; return how many there were."""
    chosen = update(StripeEvent).where(matching(wanted), visible(organization_id)).values(_due(at))
    return len(session.execute(chosen.returning(StripeEvent.id)).all())


def _due(at: datetime) -> dict[str, Any]:
    return {"status": EventStatus.RECEIVED} | due_again(at)
