"""The person who buys and books, and the Stripe customers that stand for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, PrimaryKeyConstraint, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, identity, owned, reference, same_owner


class Student(Base):
    """A student of one organization.

    Unique (`external_id`, organization): the frontend's own id names one student; in this order, so that
    a foreign key which looks for a student by id and organization cannot take this index for its own. A student without
    one is known by e-mail only, and there the e-mail is unique, so that two purchases made at the
    same moment cannot create the same guest twice; students with an id may share an e-mail.
    `merged_into` is the student who took over what this one held, and whom this one's names mean since.
    `erased_at` says since when nothing is known of the person, whose money and bookings stay.
    `event_sequence` numbers the student's domain events; the flags are kept by fulfilment and tasks.
    """

    __tablename__ = "students"
    __table_args__ = (
        UniqueConstraint("external_id", "organization_id"),
        owned(),
        same_owner("students", "merged_into"),
        Index(
            "ix_students_pass_to_come",
            "id",
            postgresql_where="all_access_expires_at IS NOT NULL AND NOT has_all_access",
        ),
        CheckConstraint(
            "erased_at IS NULL OR (external_id IS NULL AND email IS NULL AND name IS NULL)", name="erased_is_nobody"
        ),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    external_id: Mapped[str | None]
    email: Mapped[str | None]
    name: Mapped[str | None]
    is_elite_member: Mapped[bool] = mapped_column(server_default="false")
    has_all_access: Mapped[bool] = mapped_column(server_default="false")
    all_access_expires_at: Mapped[datetime | None]
    event_sequence: Mapped[int] = mapped_column(server_default="0")
    merged_into: Mapped[int | None]
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


Index(
    "uq_students_guest_email",
    Student.organization_id,
    func.lower(Student.email),
    unique=True,
    postgresql_where=Student.external_id.is_(None) & Student.email.is_not(None),
)


class StripeCustomer(Base):
    """Which student a Stripe customer stands for; the primary key keeps it to one per organization."""

    __tablename__ = "stripe_customers"
    __table_args__ = (
        PrimaryKeyConstraint("stripe_customer_id", "organization_id"),
        same_owner("students", "student_id"),
    )

    organization_id: Mapped[int]
    stripe_customer_id: Mapped[str]
    student_id: Mapped[int] = mapped_column(index=True)


class CalendarLink(Base):
    """A secret link to a student's bookings, for an app that subscribes; one each, a new one in place of the old.

    Unique `token_hash`: the SHA-256 of the secret, which itself is nowhere.
    """

    __tablename__ = "calendar_links"
    __table_args__ = (same_owner("students", "student_id"),)

    student_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    organization_id: Mapped[int]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
