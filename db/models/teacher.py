"""Who teaches, and when they can."""

from __future__ import annotations

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, identity, not_negative, owned, reference, same_owner


class Teacher(Base):
    """A teacher of one organization; `tier` 0 is the standard.

    Unique (`code`, organization): the catalog's own name for them.
    """

    __tablename__ = "teachers"
    __table_args__ = (UniqueConstraint("code", "organization_id"), owned(), not_negative("tier"))

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    code: Mapped[str]
    name: Mapped[str]
    tier: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime]

    availability: Mapped[list[TeacherAvailability]] = relationship(
        order_by="TeacherAvailability.id", cascade="all, delete-orphan"
    )


class TeacherAvailability(Base):
    """Local hours in which a teacher can be booked: of a weekday (1 is Monday, ISO 8601), or of one date.

    What is said of a date replaces the weekday's hours; a date without hours is a day off.
    """

    __tablename__ = "teacher_availability"
    __table_args__ = (
        Index("ix_teacher_availability_teacher", "teacher_id"),
        same_owner("teachers", "teacher_id"),
        CheckConstraint("(weekday IS NULL) <> (on_date IS NULL)", name="weekday_or_date"),
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday_known"),
        CheckConstraint("(opens IS NULL) = (closes IS NULL)", name="hours_whole"),
        CheckConstraint("opens IS NOT NULL OR on_date IS NOT NULL", name="weekday_has_hours"),
        CheckConstraint("opens < closes", name="closes_after_opening"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    teacher_id: Mapped[int]
    weekday: Mapped[int | None] = mapped_column(SmallInteger)
    on_date: Mapped[date | None]
    opens: Mapped[time | None]
    closes: Mapped[time | None]
