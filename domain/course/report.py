"""Who bought which course, and in which cohort they are; and what the other reports of courses begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from db.models import (
    ENROLLED,
    CourseCohort,
    CourseProgram,
    EnrollmentStatus,
    Order,
    Payment,
    Product,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
    StudentPackage,
)
from domain.enrollment.enrollment_view import CohortName
from domain.enrollment.standing import stands_as

# What a report is in the order of: numbers and texts, in the same places of each line.
Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many enrollments stand how, and how many places they take."""

    enrolled: int = 0
    active: int = 0
    completed: int = 0
    needs_review: int = 0
    revoked: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class EnrollmentLine:
    """How many bought a course, by the cohort that they are in; `cohort` is None for those in none."""

    course_code: str
    course_title: str
    cohort: CohortName | None
    capacity: int | None
    tally: Tally
    key: Key

    @property
    def places_available(self) -> int | None:
        """How many more may come to the cohort."""
        return None if self.capacity is None else max(self.capacity - self.tally.taken, 0)


def enrollment_report(session: Session, organization_id: int) -> list[EnrollmentLine]:
    """Return the courses with their cohorts, oldest first, with two statements; what was deleted, if it was bought."""
    tallies = tallied(session, organization_id)
    of_course = CourseCohort.course_program_id == CourseProgram.id
    planned = courses(organization_id, CourseCohort).outerjoin(CourseCohort, of_course)
    found = {
        line.key: line
        for program_id, course, cohort in session.execute(planned).tuples()
        for line in _lines(program_id, course, cohort, tallies)
    }
    return [found[key] for key in sorted(found)]


def _lines(
    program_id: int, course: Product, cohort: CourseCohort | None, tallies: dict[tuple[int, int | None], Tally]
) -> Iterator[EnrollmentLine]:
    """Yield the line of a cohort, and that of those who are in none; of a course without cohorts the latter."""
    nowhere = tallies.get((program_id, None))
    if nowhere or (cohort is None and course.deleted_at is None):
        yield EnrollmentLine(course.code, course.name, None, None, nowhere or Tally(), (program_id, 0))
    tally = tallies.get((program_id, cohort.id)) if cohort else None
    if cohort and (tally or (course.deleted_at is None and cohort.deleted_at is None)):
        named, key = CohortName(cohort.id, cohort.code, cohort.name), (program_id, cohort.id)
        yield EnrollmentLine(course.code, course.name, named, cohort.capacity, tally or Tally(), key)


def tallied(session: Session, organization_id: int) -> dict[tuple[int, int | None], Tally]:
    """Return by course and cohort how many enrollments stand how."""
    own = (StudentCourseEnrollment.course_program_id, StudentCourseEnrollment.cohort_id)
    shown = (
        EnrollmentStatus.ACTIVE,
        EnrollmentStatus.COMPLETED,
        EnrollmentStatus.NEEDS_REVIEW,
        EnrollmentStatus.REVOKED,
    )
    counts = (func.count().filter(stands_as(status)) for status in shown)
    taken = func.count(StudentCourseEnrollment.place)
    counted = _paid(select(*own, func.count(), *counts, taken), organization_id).group_by(*own)
    return {(row[0], row[1]): Tally(*row[2:]) for row in session.execute(counted)}


def courses(organization_id: int, *more: Any) -> Select[Any]:  # noqa: ANN401 - entities
    """Return the statement of all courses of an organization: the id, the product, and what else is named."""
    return (
        select(CourseProgram.id, Product, *more)
        .join(Product, Product.id == CourseProgram.product_id)
        .where(CourseProgram.organization_id == organization_id)
    )


def steps_of_enrolled(organization_id: int, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns
    """Return the statement of the steps of those who are enrolled: neither revoked, nor waiting for staff."""
    of_enrollment = StudentCourseStepProgress.enrollment_id == StudentCourseEnrollment.id
    steps = select(*columns).select_from(StudentCourseEnrollment).join(StudentCourseStepProgress, of_enrollment)
    enrolled: ColumnElement[bool] = or_(*(stands_as(status) for status in ENROLLED))
    return _paid(steps, organization_id).where(enrolled)


def _paid(enrollments: Select[Any], organization_id: int) -> Select[Any]:
    """Return a statement of enrollments with the payment of each, if there is one."""
    return (
        enrollments.join(StudentPackage, StudentPackage.id == StudentCourseEnrollment.student_package_id)
        .join(Order, Order.id == StudentPackage.order_id)
        .outerjoin(Payment, Payment.id == Order.payment_id)
        .where(StudentCourseEnrollment.organization_id == organization_id)
    )
