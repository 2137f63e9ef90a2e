"""What can be booked: recurring classes with their seats, and their dated sessions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, choice, identity, never_at_once, owned, positive, reference, same_owner
from db.models.product import ServiceType

# A place is a smallint, and a hall that holds more is no class.
MAX_CAPACITY = 10_000
# A session lasts a day at most.
MAX_MINUTES = 1_440


class SessionStatus(StrEnum):
    """Whether a session takes place."""

    SCHEDULED = "SCHEDULED"
    CANCELLED = "CANCELLED"


class GroupClass(Base):
    """The recurring class: what its sessions have in common, as a default for new ones.

    Unique (`code`, organization): the catalog's own name for it. Seats hang on the class: each of its
    sessions has them all. Private lessons are a class too, of service type PRIVATE.
    """

    __tablename__ = "group_classes"
    __table_args__ = (
        UniqueConstraint("code", "organization_id"),
        owned(),
        same_owner("teachers", "teacher_id"),
        positive("minutes"),
        CheckConstraint(f"capacity BETWEEN 1 AND {MAX_CAPACITY}", name="capacity_bounds"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    code: Mapped[str]
    name: Mapped[str]
    service_type: Mapped[ServiceType] = mapped_column(choice(ServiceType, "service_type_known"))
    is_workshop: Mapped[bool] = mapped_column(server_default="false")
    capacity: Mapped[int]
    minutes: Mapped[int] = mapped_column(SmallInteger)
    teacher_id: Mapped[int | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime]

    seats: Mapped[list[Seat]] = relationship(order_by="Seat.position, Seat.id", cascade="all, delete-orphan")


class Seat(Base):
    """A bike or a mat, with its own `credit_cost`; one that is not active is out of order."""

    __tablename__ = "seats"
    __table_args__ = (
        UniqueConstraint("group_class_id", "label"),
        owned(),
        same_owner("group_classes", "group_class_id"),
        positive("credit_cost"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    group_class_id: Mapped[int]
    position: Mapped[int] = mapped_column(SmallInteger)
    label: Mapped[str]
    credit_cost: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    active: Mapped[bool] = mapped_column(server_default="true")


class ClassSession(Base):
    """One dated occurrence of a class.

    Unique (class, `start_at`) of what takes place, times made for one student aside: a calendar that is applied twice
    is the same. Excluded: a teacher in two places at once. Unique (id, `capacity`): what the places of bookings refer
    to. One that is `arranged` was made for one student, and goes with their booking. `completed_at` says that whoever
    was not marked by then counts as having come; `low_seats_at`, since when staff know that it is nearly full.
    """

    __tablename__ = "class_sessions"
    __table_args__ = (
        owned(),
        UniqueConstraint("id", "capacity"),
        same_owner("group_classes", "group_class_id"),
        same_owner("teachers", "teacher_id"),
        Index(
            "uq_class_sessions_start",
            "group_class_id",
            "start_at",
            unique=True,
            postgresql_where=text("status = 'SCHEDULED' AND NOT arranged"),
        ),
        Index("ix_class_sessions_calendar", "organization_id", "start_at", "id"),
        Index(
            "ix_class_sessions_open",
            "end_at",
            "id",
            postgresql_where=text("status = 'SCHEDULED' AND completed_at IS NULL"),
        ),
        never_at_once(
            "ex_class_sessions_teacher", "teacher_id", where="status = 'SCHEDULED' AND teacher_id IS NOT NULL"
        ),
        CheckConstraint("start_at < end_at", name="ends_after_start"),
        CheckConstraint(f"capacity BETWEEN 1 AND {MAX_CAPACITY}", name="capacity_bounds"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    group_class_id: Mapped[int]
    teacher_id: Mapped[int | None]
    service_type: Mapped[ServiceType] = mapped_column(choice(ServiceType, "service_type_known"))
    status: Mapped[SessionStatus] = mapped_column(choice(SessionStatus, "status_known"), server_default="SCHEDULED")
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    capacity: Mapped[int]
    arranged: Mapped[bool] = mapped_column(server_default="false")
    cancel_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    low_seats_at: Mapped[datetime | None]
