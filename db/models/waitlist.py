"""A place in line for a full session."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice, identity, owned, reference, same_owner


class WaitlistStatus(StrEnum):
    """Where somebody stands who waits; SKIPPED could not be booked when it was their turn, and stays in line."""

    WAITING = "WAITING"
    PROMOTED = "PROMOTED"
    SKIPPED = "SKIPPED"
    LEFT = "LEFT"
    CLOSED = "CLOSED"


IN_LINE = "status IN ('WAITING', 'SKIPPED')"


class WaitlistEntry(Base):
    """A student in line for a session, in the order of the ids.

    Unique (session, student) of who is in line. `booking_id` is what a promotion booked; LEFT with one is a promotion
    that was undone, and its student is not promoted there again. A draft keeps its id, and may be promoted several
    times. `reason` is the code of what stood in the way.
    """

    __tablename__ = "waitlist_entries"
    __table_args__ = (
        owned(),
        same_owner("class_sessions", "session_id"),
        same_owner("students", "student_id"),
        Index("uq_waitlist_entries_in_line", "session_id", "student_id", unique=True, postgresql_where=text(IN_LINE)),
        Index("ix_waitlist_entries_student", "student_id", "id"),
        Index("ix_waitlist_entries_booking", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
        CheckConstraint(f"({IN_LINE}) = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("status <> 'PROMOTED' OR booking_id IS NOT NULL", name="promoted_has_booking"),
        CheckConstraint("booking_id IS NULL OR status IN ('PROMOTED', 'LEFT')", name="booking_was_promoted"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    session_id: Mapped[int]
    student_id: Mapped[int]
    status: Mapped[WaitlistStatus] = mapped_column(choice(WaitlistStatus, "status_known"), server_default="WAITING")
    joined_at: Mapped[datetime]
    auto_book_until: Mapped[datetime | None]
    booking_id: Mapped[int | None] = reference("bookings", nullable=True)
    reason: Mapped[str | None]
    ended_at: Mapped[datetime | None]
