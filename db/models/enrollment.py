"""A course bought by a student: the enrollment, and how far they are with each step."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice, identity, owned, same_owner


class EnrollmentStatus(StrEnum):
    """Where an enrollment stands; NEEDS_REVIEW waits for staff, and books nothing."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    REVOKED = "REVOKED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


class ReviewReason(StrEnum):
    """Why an enrollment waits for staff."""

    COHORT_FULL = "COHORT_FULL"
    COHORT_CLOSED = "COHORT_CLOSED"
    COHORT_UNKNOWN = "COHORT_UNKNOWN"
    STEP_RETIRED = "STEP_RETIRED"
    SECOND_PURCHASE = "SECOND_PURCHASE"


class StepStatus(StrEnum):
    """Where a step stands; UNBOOKED and CANCELLED are open, MISSED is opened again by staff."""

    UNBOOKED = "UNBOOKED"
    BOOKED = "BOOKED"
    COMPLETED = "COMPLETED"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"


# Statuses of steps that may be booked.
OPEN_STEPS = (StepStatus.UNBOOKED, StepStatus.CANCELLED)
# Statuses of enrollments whose steps may be booked, and that have a place in their cohort.
ENROLLED = (EnrollmentStatus.ACTIVE, EnrollmentStatus.COMPLETED)
HAS_PLACE = "place IS NOT NULL"


class StudentCourseEnrollment(Base):
    """The purchase of a course; unique `student_package_id`: each package is one enrollment.

    A cohort is never oversold: whoever is enrolled in one has a `place`, a number from 1 to its capacity. Unique
    (cohort, `place`), and `cohort_capacity` follows the cohort by its foreign key. Unique (student, cohort): one
    place each. `details` says which steps could not be booked when it began.
    """

    __tablename__ = "student_course_enrollments"
    __table_args__ = (
        owned(),
        UniqueConstraint("student_package_id"),
        same_owner("students", "student_id"),
        same_owner("student_packages", "student_package_id"),
        same_owner("course_programs", "course_program_id"),
        ForeignKeyConstraint(
            ["cohort_id", "course_program_id"],
            ["course_cohorts.id", "course_cohorts.course_program_id"],
            name="fk_student_course_enrollments_cohort",
        ),
        ForeignKeyConstraint(
            ["cohort_id", "cohort_capacity"],
            ["course_cohorts.id", "course_cohorts.capacity"],
            name="fk_student_course_enrollments_cohort_capacity",
            onupdate="CASCADE",
        ),
        Index("uq_student_course_enrollments_place", "cohort_id", "place", unique=True, postgresql_where=HAS_PLACE),
        Index(
            "uq_student_course_enrollments_student", "cohort_id", "student_id", unique=True, postgresql_where=HAS_PLACE
        ),
        Index("ix_student_course_enrollments_student", "student_id", "student_package_id"),
        Index("ix_student_course_enrollments_list", "organization_id", "id"),
        Index("ix_student_course_enrollments_program", "course_program_id", "id"),
        Index(
            "ix_student_course_enrollments_review",
            "organization_id",
            "id",
            postgresql_where="status = 'NEEDS_REVIEW'",
        ),
        CheckConstraint(
            "(cohort_id IS NOT NULL AND status IN ('ACTIVE', 'COMPLETED')) = (place IS NOT NULL)",
            name="enrolled_has_place",
        ),
        CheckConstraint("(place IS NULL) = (cohort_capacity IS NULL)", name="place_has_capacity"),
        CheckConstraint("place BETWEEN 1 AND cohort_capacity", name="place_within_capacity"),
        CheckConstraint("(status = 'NEEDS_REVIEW') = (review_reason IS NOT NULL)", name="review_has_reason"),
        CheckConstraint("status <> 'COMPLETED' OR completed_at IS NOT NULL", name="completed_says_when"),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    student_id: Mapped[int]
    student_package_id: Mapped[int]
    course_program_id: Mapped[int]
    cohort_id: Mapped[int | None]
    cohort_capacity: Mapped[int | None]
    place: Mapped[int | None] = mapped_column(SmallInteger)
    status: Mapped[EnrollmentStatus] = mapped_column(choice(EnrollmentStatus, "status_known"))
    review_reason: Mapped[ReviewReason | None] = mapped_column(choice(ReviewReason, "review_reason_known"))
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]


class StudentCourseStepProgress(Base):
    """How far a student is with one step of what they bought. Unique (enrollment, step), unique `booking_id`.

    A BOOKED step has its booking, an open one has none; what is COMPLETED or MISSED keeps the one it came from.
    `is_required` is what the step was when it was sold, whatever becomes of the course. `skipped` says that a later one
    was booked while this one was open. The times are those of the last change into each status.
    """

    __tablename__ = "student_course_step_progress"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "course_step_id"),
        UniqueConstraint("booking_id"),
        same_owner("student_course_enrollments", "enrollment_id"),
        same_owner("course_steps", "course_step_id"),
        same_owner("course_step_options", "course_step_option_id"),
        same_owner("bookings", "booking_id"),
        Index("ix_student_course_step_progress_step", "course_step_id", "status"),
        CheckConstraint(
            "CASE WHEN status = 'BOOKED' THEN booking_id IS NOT NULL AND booked_at IS NOT NULL"
            " WHEN status IN ('UNBOOKED', 'CANCELLED') THEN booking_id IS NULL ELSE TRUE END",
            name="booking_follows_status",
        ),
    )

    id: Mapped[int] = identity()
    organization_id: Mapped[int]
    enrollment_id: Mapped[int]
    course_step_id: Mapped[int]
    course_step_option_id: Mapped[int | None]
    status: Mapped[StepStatus] = mapped_column(choice(StepStatus, "status_known"), server_default="UNBOOKED")
    booking_id: Mapped[int | None]
    is_required: Mapped[bool] = mapped_column(server_default="true")
    skipped: Mapped[bool] = mapped_column(server_default="false")
    booked_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
