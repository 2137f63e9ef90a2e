"""A course on sale: its ordered steps, the classes that serve each, and its dated runs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, identity, owned, positive, same_owner
from db.models.class_session import MAX_CAPACITY, GroupClass
from db.models.product import Product

STANDS = "deleted_at IS NULL"


class CourseProgram(Base):
    """What a product of type COURSE leads through. Unique `product_id`: code, title and price are the product's.

    It is published while its product is on sale. The credits that come with it, the bundle components, are the
    product's allowances. `timezone` is where its dates are recommended in; the days of its bookings are the
    organization's.
    """

    __tablename__ = "course_programs"
    __table_args__ = (owned(), same_owner("products", "product_id"))

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    product_id: Mapped[int] = mapped_column(unique=True)
    summary: Mapped[str | None]
    description: Mapped[str | None]
    image_url: Mapped[str | None]
    timezone: Mapped[str]
    created_at: Mapped[datetime]

    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)
    steps: Mapped[list[CourseStep]] = relationship(
        primaryjoin="and_(CourseProgram.id == CourseStep.course_program_id, CourseStep.deleted_at.is_(None))",
        order_by="CourseStep.position",
    )
    cohorts: Mapped[list[CourseCohort]] = relationship(
        primaryjoin="and_(CourseProgram.id == CourseCohort.course_program_id, CourseCohort.deleted_at.is_(None))",
        order_by="CourseCohort.id",
    )


class CourseStep(Base):
    """One step of a course; `position` counts from 1.

    Unique position and unique label among those that stand: an order without gaps is the rules' part. A step that was
    removed keeps its row: whoever bought it may still take it.
    """

    __tablename__ = "course_steps"
    __table_args__ = (
        owned(),
        same_owner("course_programs", "course_program_id"),
        Index("uq_course_steps_position", "course_program_id", "position", unique=True, postgresql_where=STANDS),
        Index("uq_course_steps_label", "course_program_id", "label", unique=True, postgresql_where=STANDS),
        positive("position"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    course_program_id: Mapped[int]
    position: Mapped[int] = mapped_column(SmallInteger)
    label: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str | None]
    is_required: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    options: Mapped[list[CourseStepOption]] = relationship(
        primaryjoin="and_(CourseStep.id == CourseStepOption.course_step_id, CourseStepOption.deleted_at.is_(None))",
        order_by="CourseStepOption.id",
    )


class CourseStepOption(Base):
    """A class that serves a step. Unique (step, class): one that was detached and is attached again is the same.

    One that is not active takes no bookings.
    """

    __tablename__ = "course_step_options"
    __table_args__ = (
        owned(),
        UniqueConstraint("course_step_id", "group_class_id"),
        same_owner("course_steps", "course_step_id"),
        same_owner("group_classes", "group_class_id"),
        Index("ix_course_step_options_class", "group_class_id"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    course_step_id: Mapped[int]
    group_class_id: Mapped[int]
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    group_class: Mapped[GroupClass] = relationship(lazy="joined", innerjoin=True)


class CourseCohort(Base):
    """A dated run of a course. Unique (course, `code`) among those that stand.

    Unique (id, `capacity`): what the places of enrollments refer to. Whoever buys at or after `enrollment_deadline`
    comes too late for it.
    """

    __tablename__ = "course_cohorts"
    __table_args__ = (
        owned(),
        UniqueConstraint("id", "capacity"),
        UniqueConstraint("id", "course_program_id"),
        same_owner("course_programs", "course_program_id"),
        Index("uq_course_cohorts_code", "course_program_id", "code", unique=True, postgresql_where=STANDS),
        CheckConstraint(f"capacity BETWEEN 1 AND {MAX_CAPACITY}", name="capacity_bounds"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    course_program_id: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    capacity: Mapped[int]
    enrollment_deadline: Mapped[datetime]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    sessions: Mapped[list[CourseCohortSession]] = relationship(
        order_by="CourseCohortSession.id", cascade="all, delete-orphan"
    )


class CourseCohortSession(Base):
    """Which session serves an option in a cohort. Unique (cohort, option): one each."""

    __tablename__ = "course_cohort_sessions"
    __table_args__ = (
        UniqueConstraint("cohort_id", "course_step_option_id"),
        same_owner("course_cohorts", "cohort_id"),
        same_owner("course_step_options", "course_step_option_id"),
        same_owner("class_sessions", "session_id"),
        Index("ix_course_cohort_sessions_session", "session_id"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    cohort_id: Mapped[int]
    course_step_option_id: Mapped[int]
    session_id: Mapped[int]
