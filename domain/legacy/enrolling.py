"""Old enrollments written, with their progress as it was; what was booked is open until it is booked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import (
    EnrollmentStatus,
    ReviewReason,
    StepStatus,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
)
from db.transaction import fetch
from domain.booking.facts import reserve
from domain.booking.outgoing import Outgoing, Row
from domain.booking.state import Student
from domain.enrollment.enrolled import read_cohorts
from domain.enrollment.enrollment import Cohort, Enrollment
from domain.enrollment.progress import CREATED, told_enrollment
from domain.legacy.course import Step
from domain.legacy.courses import Enrolling
from domain.legacy.kinds import ENROLLMENT, PACKAGE, STEP
from domain.legacy.reading import Record
from domain.legacy.tally import Books

ENROLLED = """
SELECT student_id, course_program_id AS program_id, cohort_id, status FROM student_course_enrollments
 WHERE student_id = ANY(%(students)s) AND status IN ('ACTIVE', 'COMPLETED', 'NEEDS_REVIEW')
"""

Enrollments = dict[str, Enrollment]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a student is enrolled in: a course, and a cohort of it if there is one."""

    student_id: int
    program_id: int
    cohort_id: int | None
    status: str

    def is_same(self, other: Enrolled) -> bool:
        """Say whether another is the same once more: of the same cohort, or of a course that is not completed yet."""
        if (self.student_id, self.program_id) != (other.student_id, other.program_id):
            return False
        if self.cohort_id and other.cohort_id:
            return self.cohort_id == other.cohort_id
        return self.status != EnrollmentStatus.COMPLETED


def settle(session: Session, books: Books, wanted: Sequence[Enrolling]) -> Enrollments:
    """Lock the cohorts that are meant and say, by name, what old enrollments become; whose students are held."""
    cohorts = read_cohorts(session, {each.course.cohorts[each.cohort] for each in wanted if each.cohort}, at=books.at)
    students = {each.purchase.student_id for each in wanted}
    known = [Enrolled(**row) for row in fetch(session, ENROLLED, students=list(students))] if students else []
    settled = ((each, _settle(books, each, cohorts, known)) for each in wanted)
    return {each.name: enrollment for each, enrollment in settled if enrollment}


def _settle(books: Books, wanted: Enrolling, cohorts: Mapping[int, Cohort], known: list[Enrolled]) -> Enrollment | None:
    """Return an enrollment, with its place; None where the student is enrolled in the same already."""
    cohort = cohorts[wanted.course.cohorts[wanted.cohort]] if wanted.cohort else None
    status = EnrollmentStatus.COMPLETED if wanted.is_done else EnrollmentStatus.ACTIVE
    names = (wanted.purchase.student_id, wanted.course.program_id, cohort.id if cohort else None)
    new = Enrolled(*names, status)
    if any(each.is_same(new) for each in known):
        wanted.why = "the student is enrolled in this course already"
        return None
    known.append(new)
    enrollment = _enrollment(books, wanted, status)
    if cohort and cohort.is_full:
        enrollment.status, enrollment.review_reason = EnrollmentStatus.NEEDS_REVIEW, ReviewReason.COHORT_FULL
        enrollment.completed_at = None
        wanted.waits = f"cohort {wanted.cohort} is full: the enrollment waits for staff"
    else:
        enrollment.join(cohort)
    return enrollment


def _enrollment(books: Books, wanted: Enrolling, status: EnrollmentStatus) -> Enrollment:
    times = [each.said.completed_at for each in wanted.rows.values() if each.said.completed_at]
    return Enrollment(
        id=0,
        package_id=0,
        student_id=wanted.purchase.student_id,
        program_id=wanted.course.program_id,
        code=wanted.course.product.code,
        title=wanted.course.product.name,
        cohort_id=None,
        cohort_capacity=None,
        place=None,
        status=status,
        review_reason=None,
        details={"cohort": wanted.cohort} if wanted.cohort else {},
        completed_at=max(times, default=books.at) if status is EnrollmentStatus.COMPLETED else None,
    )


def write(  # noqa: PLR0913, PLR0917 - what an enrollment is made of
    session: Session,
    books: Books,
    wanted: Sequence[Enrolling],
    enrollments: Enrollments,
    students: Mapping[int, Student],
    outgoing: Outgoing,
) -> None:
    """Write enrollments whose packages stand, and their progress; add what other systems are told of them."""
    taken = [each for each in wanted if each.why is None]
    for number, each in zip(reserve(session, "student_course_enrollments", len(taken)), taken, strict=True):
        enrollment = enrollments[each.name]
        each.enrollment_id = enrollment.id = number
        enrollment.package_id = each.purchase.package_id
        student = students[each.purchase.student_id]
        said = told_enrollment(enrollment, student) | {"notBooked": []}
        outgoing.publish(student, CREATED, f"enrollment/{number}", said, at=books.at)
    ids = reserve(session, "student_course_step_progress", sum(len(each.course.steps) for each in taken))
    insert(session, StudentCourseEnrollment, [_row(each, enrollments[each.name]) for each in taken])
    insert(session, StudentCourseStepProgress, [row for each in taken for row in _progress(each, ids)])
    for each in wanted:
        _keep(books, each)


def _row(wanted: Enrolling, enrollment: Enrollment) -> Row:
    return wanted.purchase.owner | {
        "id": enrollment.id,
        "student_package_id": enrollment.package_id,
        "course_program_id": enrollment.program_id,
        "cohort_id": enrollment.cohort_id,
        "cohort_capacity": enrollment.cohort_capacity,
        "place": enrollment.place,
        "status": enrollment.status.value,
        "review_reason": enrollment.review_reason.value if enrollment.review_reason else None,
        "details": enrollment.details,
        "created_at": wanted.purchase.bought_at,
        "completed_at": enrollment.completed_at,
    }


def _progress(wanted: Enrolling, ids: list[int]) -> Iterator[Row]:
    """Yield the progress of every step; an open one before one that is done with was skipped."""
    labels = list(wanted.course.steps)
    begun = [number for number, label in enumerate(labels) if wanted.status(label) in {"COMPLETED", "MISSED"}]
    for number, (label, step) in enumerate(wanted.course.steps.items()):
        wanted.step_ids[label] = ids.pop(0)
        yield _step(wanted, step, is_passed=number < max(begun, default=0))


def _step(wanted: Enrolling, step: Step, *, is_passed: bool) -> Row:
    status, record = wanted.status(step.label), wanted.rows.get(step.label)
    said = record.said if record else None
    is_open = status in {StepStatus.UNBOOKED, StepStatus.CANCELLED}
    ended = said.completed_at if said else None
    return {
        "id": wanted.step_ids[step.label],
        "organization_id": wanted.purchase.product.organization_id,
        "enrollment_id": wanted.enrollment_id,
        "course_step_id": step.id,
        "is_required": step.is_required,
        "course_step_option_id": step.options.get(said.class_code) if said and said.class_code else None,
        "status": status.value,
        "skipped": is_open and is_passed,
        "booked_at": said.booked_at if said and not is_open else None,
        "completed_at": ended if status is StepStatus.COMPLETED else None,
        "missed_at": ended if status is StepStatus.MISSED else None,
        "cancelled_at": ended if status is StepStatus.CANCELLED else None,
    }


def _keep(books: Books, wanted: Enrolling) -> None:
    """Remember which rows an enrollment became, and count those that the engine does not."""
    if wanted.why:
        records: list[Record[Any]] = [*wanted.rows.values(), *([wanted.package] if wanted.package else [])]
        for each in records:
            books.cannot_map(each, wanted.why)
        return
    books.keep(ENROLLMENT, wanted.name, wanted.enrollment_id)
    if wanted.package:
        books.keep(PACKAGE, wanted.package.said.legacy_id, wanted.purchase.package_id)
        books.took(wanted.package)
    for label, row in wanted.rows.items():
        books.keep(STEP, row.said.legacy_id, wanted.step_ids[label])
        if row.said.status is not StepStatus.BOOKED:
            books.took(row)
