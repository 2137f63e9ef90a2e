"""The two inboxes: every verified webhook and every accepted command is a row before anything else."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, InboxMixin, choice, due_index, identity, reference


class EventStatus(StrEnum):
    """Where a stored event stands; FAILED is parked until a person or a new catalog mends it."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"
    QUARANTINED = "QUARANTINED"


class StripeEvent(InboxMixin, Base):
    """A verified webhook, with the exact bytes that were signed.

    Unique (`scope`, `event_id`): stored once, however often it is delivered. The scope is the
    organization whose secret signed it, 0 for the platform's: nobody can take another's event id.
    `payment_key` is the PaymentIntent that it names at first sight: events of one payment are claimed
    together. `waits_for` names what would bring it back: `payment:pi_…` (a purchase not seen yet) or
    `product:CODE` (a code the catalog does not know yet). Long after it was handled only `payload_hash`,
    the SHA-256 of the bytes, is left of them.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (
        UniqueConstraint("scope", "event_id"),
        due_index("stripe_events", "RECEIVED"),
        Index("ix_stripe_events_list", "organization_id", "id"),
        Index(
            "ix_stripe_events_payment",
            "payment_key",
            postgresql_where="status = 'RECEIVED' AND payment_key IS NOT NULL",
        ),
        Index("ix_stripe_events_waits_for", "waits_for", postgresql_where="waits_for IS NOT NULL"),
        Index("ix_stripe_events_trouble", "status", "id", postgresql_where="status IN ('FAILED', 'QUARANTINED')"),
        Index(
            "ix_stripe_events_kept",
            "finished_at",
            "id",
            postgresql_where="status IN ('PROCESSED', 'IGNORED') AND payload IS NOT NULL",
        ),
        CheckConstraint("(payload IS NULL) = (payload_hash IS NOT NULL)", name="payload_or_hash"),
        CheckConstraint("payload IS NOT NULL OR status IN ('PROCESSED', 'IGNORED')", name="unfinished_has_payload"),
        CheckConstraint("status = 'RECEIVED' OR finished_at IS NOT NULL", name="finished_has_time"),
        CheckConstraint("status NOT IN ('FAILED', 'QUARANTINED') OR error_code IS NOT NULL", name="parked_has_reason"),
    )

    id: Mapped[int] = identity()
    scope: Mapped[int]
    event_id: Mapped[str]
    organization_id: Mapped[int | None] = reference("organizations", nullable=True)
    type: Mapped[str]
    livemode: Mapped[bool | None]
    account: Mapped[str | None]
    payment_key: Mapped[str | None]
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    payload_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    line_items: Mapped[dict[str, Any] | None]
    asks: Mapped[int] = mapped_column(server_default="0")
    waits_for: Mapped[str | None]
    status: Mapped[EventStatus] = mapped_column(choice(EventStatus, "status_known"), server_default="RECEIVED")


class JobStatus(StrEnum):
    """Where a command stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Job(InboxMixin, Base):
    """An accepted command; `result` or `problem` is what it ended in.

    Unique (organization, `caller`, kind, `idempotency_key`): sent again with its key it is the same job,
    if `fingerprint`, the SHA-256 of the request, is the same too. The index by student says which is the
    first of a student's commands: they take effect in the order of their ids. What failed by a fault of
    ours has an index of its own: a person is waited for.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        due_index("jobs", "QUEUED"),
        Index("ix_jobs_list", "organization_id", "id"),
        Index("ix_jobs_parked", "id", postgresql_where="status = 'FAILED' AND error_code IN ('failed', 'worker_lost')"),
        Index("ix_jobs_turn", "student_id", "id", postgresql_where="status = 'QUEUED'"),
        Index(
            "uq_jobs_idempotency_key",
            "organization_id",
            "caller",
            "kind",
            "idempotency_key",
            unique=True,
            postgresql_where="idempotency_key IS NOT NULL",
        ),
        CheckConstraint("(status = 'SUCCEEDED') = (result IS NOT NULL)", name="success_has_result"),
        CheckConstraint("(status = 'FAILED') = (problem IS NOT NULL)", name="failure_has_problem"),
        CheckConstraint("idempotency_key IS NULL OR fingerprint IS NOT NULL", name="key_has_fingerprint"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    student_id: Mapped[int | None] = reference("students", nullable=True)
    caller: Mapped[str]
    kind: Mapped[str]
    request: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str | None]
    fingerprint: Mapped[str | None]
    status: Mapped[JobStatus] = mapped_column(choice(JobStatus, "status_known"), server_default="QUEUED")
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
