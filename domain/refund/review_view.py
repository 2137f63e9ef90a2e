"""What waits for staff, and what they have settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session

from db.models import Order, OrderReview, ReviewKind, Student
from db.transaction import fetch
from domain.listing import Part, newest_first

# Once: whoever says it again changes nothing.
RESOLVE = """
UPDATE order_reviews SET resolved_at = %(at)s, resolved_by = %(actor)s, note = %(note)s
 WHERE id = %(id)s AND organization_id = %(organization)s AND resolved_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which notes a list shows; None is any."""

    is_open: bool | None = None
    kind: ReviewKind | None = None


@dataclass(frozen=True, slots=True)
class ReviewView:
    """Something about an order that staff must look at.

    `about` is the Stripe id of the fact, or `refund:` and our id.
    """

    id: int
    order_id: int
    student_id: str | None
    kind: ReviewKind
    about: str
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Who says that it is settled, as in a job's `caller`, and how it was."""

    actor: str
    note: str | None


def reviews(session: Session, organization_id: int, wanted: ReviewFilter, part: Part) -> list[ReviewView]:
    """Return an organization's notes, newest first."""
    is_open = OrderReview.resolved_at.is_(None)
    conditions = (
        true() if wanted.is_open is None else is_open if wanted.is_open else ~is_open,
        true() if wanted.kind is None else OrderReview.kind == wanted.kind,
    )
    own = _reviews().where(OrderReview.organization_id == organization_id, *conditions)
    return [ReviewView(**row) for row in session.execute(newest_first(own, OrderReview.id, part)).mappings()]


def reviews_of(session: Session, order_id: int) -> list[ReviewView]:
    """Return the notes about an order, oldest first."""
    own = _reviews().where(OrderReview.order_id == order_id).order_by(OrderReview.id)
    return [ReviewView(**row) for row in session.execute(own).mappings()]


def resolve(
    session: Session, organization_id: int, review_id: int, settled: Settled, *, at: datetime
) -> ReviewView | None:
    """Say that a note is settled, once; return it, None where the organization has none of that id."""
    values = {"actor": settled.actor, "note": settled.note, "at": at}
    fetch(session, RESOLVE, id=review_id, organization=organization_id, **values)
    own = _reviews().where(OrderReview.organization_id == organization_id, OrderReview.id == review_id)
    row = session.execute(own).mappings().one_or_none()
    return ReviewView(**row) if row else None


def _reviews() -> Select[Any]:
    return (
        select(
            OrderReview.id,
            OrderReview.order_id,
            Student.external_id.label("student_id"),
            OrderReview.kind,
            OrderReview.about,
            OrderReview.created_at,
            OrderReview.resolved_at,
            OrderReview.resolved_by,
            OrderReview.note,
        )
        .join(Order, Order.id == OrderReview.order_id)
        .join(Student, Student.id == Order.student_id)
    )
