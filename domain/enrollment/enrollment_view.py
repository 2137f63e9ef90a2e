"""Enrollments as their students and the staff see them: how far each is, what comes next, what else is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import (
    ENROLLED,
    CourseCohort,
    CourseProgram,
    EnrollmentStatus,
    Order,
    Payment,
    Product,
    ReviewReason,
    ServiceType,
    Student,
    StudentCourseEnrollment,
    StudentPackage,
)
from domain.enrollment.standing import stands_as
from domain.enrollment.step_view import ProgressView, StepView, progress, steps_of
from domain.holding import package as packages
from domain.holding.holding import Balance, balances
from domain.holding.package import PackageStatus
from domain.listing import Part, newest_first

# An enrollment with what was sold, its payment, its course, its cohort, and whose it is.
Enrolled = tuple[StudentCourseEnrollment, StudentPackage, Payment | None, Product, CourseCohort | None, Student]

Steps = tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class CohortName:
    """A dated run of a course, by its names."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class NotBooked:
    """A step that was to be booked with the purchase and could not: the refusal's code and sentence."""

    course_step_id: int
    step_label: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class EnrollmentView:
    """The purchase of a course. `id` is what its list is by: the package for students, the enrollment for staff.

    One whose payment went back is REVOKED, whatever is stored. `extras` are the lines of the package besides those of
    the steps. `not_booked` names open steps only, `requested_cohort` what the purchase named.
    """

    id: int
    enrollment_id: int
    package_id: int
    student_id: str | None
    student_name: str | None
    course_code: str
    course_title: str
    package_name: str
    status: EnrollmentStatus
    package_status: PackageStatus
    review_reason: ReviewReason | None
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    cohort: CohortName | None
    requested_cohort: str | None
    steps: Steps
    not_booked: tuple[NotBooked, ...]
    extras: tuple[Balance, ...]

    @property
    def progress(self) -> ProgressView:
        """How far it is."""
        return progress(self.steps)

    @property
    def next_recommended_step(self) -> StepView | None:
        """The first step that may be booked; None where none is left, or nothing may be booked."""
        open_steps = (step for step in self.steps if step.is_open)
        return next(open_steps, None) if self.status in ENROLLED else None


@dataclass(frozen=True, slots=True)
class EnrollmentFilter:
    """Which enrollments a list shows; the course by its code."""

    status: EnrollmentStatus | None = None
    course: str | None = None
    cohort_id: int | None = None


def course_packages(
    session: Session, organization_id: int, student_id: int, part: Part, *, at: datetime
) -> list[EnrollmentView]:
    """Return a student's enrollments, newest first, with three statements however many there are."""
    key = StudentCourseEnrollment.student_package_id
    own = _enrolled(organization_id).where(StudentCourseEnrollment.student_id == student_id)
    return _views(session, newest_first(own, key, part), key, at=at)


def course_package(
    session: Session, organization_id: int, student_id: int, package_id: int, *, at: datetime
) -> EnrollmentView | None:
    """Return a student's enrollment with the sessions of its steps; None where that package is none of theirs."""
    key = StudentCourseEnrollment.student_package_id
    own = _enrolled(organization_id).where(StudentCourseEnrollment.student_id == student_id, key == package_id)
    return next(iter(_views(session, own, key, dated=True, at=at)), None)


def enrollments(
    session: Session, organization_id: int, wanted: EnrollmentFilter, part: Part, *, at: datetime
) -> list[EnrollmentView]:
    """Return an organization's enrollments, newest first, with three statements however many there are."""
    key = StudentCourseEnrollment.id
    matching = _enrolled(organization_id).where(*_matching(wanted))
    return _views(session, newest_first(matching, key, part), key, at=at)


def enrollment(session: Session, organization_id: int, enrollment_id: int, *, at: datetime) -> EnrollmentView | None:
    """Return an enrollment with the sessions of its steps; None where an organization has none of that id."""
    key = StudentCourseEnrollment.id
    named = _enrolled(organization_id).where(key == enrollment_id)
    return next(iter(_views(session, named, key, dated=True, at=at)), None)


def _matching(wanted: EnrollmentFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.course is not None:
        yield Product.code == wanted.course
    if wanted.cohort_id is not None:
        yield StudentCourseEnrollment.cohort_id == wanted.cohort_id
    if wanted.status is not None:
        yield stands_as(wanted.status)


def _enrolled(organization_id: int) -> Select[Any]:
    return (
        select(StudentCourseEnrollment, StudentPackage, Payment, Product, CourseCohort, Student)
        .join(StudentPackage, StudentPackage.id == StudentCourseEnrollment.student_package_id)
        .join(Order, Order.id == StudentPackage.order_id)
        .join(Student, Student.id == StudentCourseEnrollment.student_id)
        .join(CourseProgram, CourseProgram.id == StudentCourseEnrollment.course_program_id)
        .join(Product, Product.id == CourseProgram.product_id)
        .outerjoin(Payment, Payment.id == Order.payment_id)
        .outerjoin(CourseCohort, CourseCohort.id == StudentCourseEnrollment.cohort_id)
        .where(StudentCourseEnrollment.organization_id == organization_id)
    )


def _views(
    session: Session,
    statement: Select[Any],
    key: InstrumentedAttribute[int],
    *,
    dated: bool = False,
    at: datetime,
) -> list[EnrollmentView]:
    rows: Sequence[Enrolled] = session.execute(statement).tuples().all()
    steps = steps_of(session, [row[0].id for row in rows], dated=dated)
    organization_id = rows[0][0].organization_id if rows else 0
    left = balances(session, organization_id, [row[1].id for row in rows])
    return [_view(row, getattr(row[0], key.key), steps[row[0].id], left[row[1].id], at) for row in rows]


def _view(row: Enrolled, number: int, steps: Steps, left: Sequence[Balance], at: datetime) -> EnrollmentView:
    enrollment, package, payment, product, cohort, student = row
    package_status = packages.status(package, payment, at=at)
    revoked = package_status is PackageStatus.REVOKED
    return EnrollmentView(
        id=number,
        enrollment_id=enrollment.id,
        package_id=package.id,
        student_id=student.external_id,
        student_name=student.name,
        course_code=product.code,
        course_title=product.name,
        package_name=package.name,
        status=EnrollmentStatus.REVOKED if revoked else enrollment.status,
        package_status=package_status,
        review_reason=None if revoked else enrollment.review_reason,
        enrolled_at=enrollment.created_at,
        completed_at=enrollment.completed_at,
        expires_at=package.expires_at,
        cohort=CohortName(cohort.id, cohort.code, cohort.name) if cohort else None,
        requested_cohort=enrollment.details.get("cohort"),
        steps=steps,
        not_booked=_not_booked(enrollment, steps),
        extras=tuple(line for line in left if line.service_type is not ServiceType.COURSE),
    )


def _not_booked(enrollment: StudentCourseEnrollment, steps: Steps) -> tuple[NotBooked, ...]:
    still_open = {step.course_step_id for step in steps if step.is_open}
    noted = enrollment.details.get("notBooked", ())
    return tuple(
        NotBooked(each["courseStepId"], each["stepLabel"], each["code"], each["detail"])
        for each in noted
        if each["courseStepId"] in still_open
    )
