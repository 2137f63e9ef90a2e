"""The two outboxes: every e-mail and every published event is a row of the transaction it tells of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import (
    Base,
    DeliveryStatus,
    OutboxMixin,
    choice,
    due_index,
    identity,
    parked_index,
    reference,
    same_owner,
)


class Notification(OutboxMixin, Base):
    """An e-mail to be sent: its kind and the ids it tells of, never its text.

    Unique (organization, kind, `dedupe_key`): the same fact is told once. One without a student is for staff.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("organization_id", "kind", "dedupe_key"),
        due_index("notifications", "PENDING"),
        Index("ix_notifications_unsent", "student_id", postgresql_where="status IN ('PARKED', 'VOID')"),
        parked_index("notifications"),
        Index("ix_notifications_order", "order_id", postgresql_where="order_id IS NOT NULL"),
        same_owner("students", "student_id"),
        same_owner("class_sessions", "session_id"),
        CheckConstraint("num_nonnulls(student_id, session_id, order_id) > 0", name="is_about_something"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int | None]
    kind: Mapped[str]
    dedupe_key: Mapped[str]
    order_id: Mapped[int | None] = reference("orders", nullable=True)
    booking_id: Mapped[int | None] = reference("bookings", nullable=True)
    waitlist_entry_id: Mapped[int | None] = reference("waitlist_entries", nullable=True)
    student_package_id: Mapped[int | None] = reference("student_packages", nullable=True)
    step_progress_id: Mapped[int | None] = reference("student_course_step_progress", nullable=True)
    session_id: Mapped[int | None]
    status: Mapped[DeliveryStatus] = mapped_column(choice(DeliveryStatus, "status_known"), server_default="PENDING")


class DomainEvent(OutboxMixin, Base):
    """An event to be published as a CloudEvent; `message_id` is its id, however often it is sent.

    Unique (student, `sequence`): consumers order a student's events by it. What is about no student has none.
    """

    __tablename__ = "domain_events"
    __table_args__ = (
        UniqueConstraint("student_id", "sequence"),
        due_index("domain_events", "PENDING"),
        parked_index("domain_events"),
        same_owner("students", "student_id"),
        same_owner("class_sessions", "session_id"),
        CheckConstraint("student_id IS NOT NULL OR session_id IS NOT NULL", name="is_about_something"),
        CheckConstraint("(student_id IS NULL) = (sequence IS NULL)", name="sequence_is_a_students"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int | None]
    session_id: Mapped[int | None]
    type: Mapped[str]
    subject: Mapped[str]
    sequence: Mapped[int | None]
    data: Mapped[dict[str, Any]]
    status: Mapped[DeliveryStatus] = mapped_column(choice(DeliveryStatus, "status_known"), server_default="PENDING")
