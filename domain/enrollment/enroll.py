"""A course that was bought becomes an enrollment, and what has one option only is booked at once.

What does not fit (a cohort that is full, closed or unknown, a step that nothing serves any more, a second purchase of
the same) is kept for staff: the money came, so nothing is refused here (PRODUCT.md §2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.bulk import insert
from db.models import EnrollmentStatus, ReviewReason, StepStatus, StudentCourseEnrollment, StudentCourseStepProgress
from db.transaction import Rows, fetch
from domain.booking.desk import Desk
from domain.booking.facts import reserve
from domain.booking.order import Order
from domain.booking.outgoing import Outgoing, Row
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.state import World
from domain.booking.students import Target, complete, read_students
from domain.enrollment.book_step import book_only_options
from domain.enrollment.candidates import only_options, read_ahead, sessions_of
from domain.enrollment.enrolled import read_cohorts, read_enrollments
from domain.enrollment.enrollment import Cohort, Enrollment
from domain.enrollment.progress import CREATED, keep_enrollment, told_enrollment

# A purchase names a cohort by our id, or by its code.
NAMED = """
SELECT id, code, course_program_id AS program_id FROM course_cohorts
 WHERE course_program_id = ANY(%(programs)s) AND (code = ANY(%(names)s) OR id::text = ANY(%(names)s))
   AND deleted_at IS NULL
"""
STEPS = """
SELECT s.course_program_id AS program_id, s.id,
       EXISTS (SELECT FROM course_step_options x
                WHERE x.course_step_id = s.id AND x.active AND x.deleted_at IS NULL) AS is_served
  FROM course_steps s WHERE s.course_program_id = ANY(%(programs)s) AND s.deleted_at IS NULL ORDER BY s.position
"""
# Cohorts that were planned with a step that has been removed since.
RETIRED = """
SELECT DISTINCT m.cohort_id FROM course_cohort_sessions m
  JOIN course_step_options x ON x.id = m.course_step_option_id JOIN course_steps s ON s.id = x.course_step_id
 WHERE m.cohort_id = ANY(%(cohorts)s) AND s.deleted_at IS NOT NULL
"""

CLAIMS = """
SELECT student_id, course_program_id AS program_id, cohort_id, status FROM student_course_enrollments
 WHERE student_id = ANY(%(students)s) AND status IN ('ACTIVE', 'COMPLETED') AND id <> ALL(%(without)s)
"""


@dataclass(frozen=True, slots=True)
class Bought:
    """A course that was bought: whose it is, with which package, for which cohort. The student is held."""

    organization_id: int
    student_id: int
    package_id: int
    program_id: int
    cohort: str | None
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What a student is enrolled in: a course, and a cohort of it if there is one."""

    student_id: int
    program_id: int
    cohort_id: int | None
    status: str

    def is_same(self, bought: Bought, cohort: Cohort | None) -> bool:
        """Say whether a purchase buys it again: the same cohort, or without one what is not completed yet."""
        if (self.student_id, self.program_id) != (bought.student_id, bought.program_id):
            return False
        if cohort and self.cohort_id:
            return self.cohort_id == cohort.id
        return self.status == EnrollmentStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a purchase."""

    status: EnrollmentStatus
    reason: ReviewReason | None
    cohort: Cohort | None
    place: int | None = None

    @property
    def columns(self) -> Row:
        """What an enrollment's row says of it."""
        return {
            "cohort_id": self.cohort.id if self.cohort else None,
            "cohort_capacity": self.cohort.capacity if self.cohort else None,
            "place": self.place,
            "status": self.status.value,
            "review_reason": self.reason.value if self.reason else None,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What courses look like now: the steps of each, which have one that nothing serves, their cohorts by name."""

    steps: Mapping[int, Sequence[int]]
    unserved: frozenset[int]
    names: Mapping[tuple[int, str], int]
    cohorts: Mapping[int, Cohort]
    retired: frozenset[int]

    def cohort(self, program_id: int, name: str) -> Cohort | None:
        """Return the cohort of a course that is meant, locked."""
        return self.cohorts.get(self.names.get((program_id, name), 0))


def enroll(transaction: Transaction, bought: Sequence[Bought], *, at: datetime) -> None:
    """Enroll students in what they bought, and book what has one option only as far as there is room."""
    if not bought:
        return
    plan = read_plan(transaction, [(each.program_id, each.cohort) for each in bought], at=at)
    claims = read_claims(transaction, {each.student_id for each in bought})
    rows = [_row(each, settle(each, plan, claims, at=at), at) for each in bought]
    created = insert(transaction, StudentCourseEnrollment, rows, returning="id, student_package_id")
    ids = {row["student_package_id"]: row["id"] for row in created}
    steps = [_step(each, ids[each.package_id], step) for each in bought for step in plan.steps.get(each.program_id, ())]
    insert(transaction, StudentCourseStepProgress, steps)
    start(transaction, bought, CREATED, at=at)


def read_plan(transaction: Transaction, wanted: Iterable[tuple[int, str | None]], *, at: datetime) -> Plan:
    """Read courses, and lock the cohorts that are named, each by its course."""
    pairs = list(wanted)
    programs, names = list({program for program, _ in pairs}), list({name for _, name in pairs if name})
    steps: dict[int, list[int]] = {}
    unserved = set()
    for row in fetch(transaction, STEPS, programs=programs):
        steps.setdefault(row["program_id"], []).append(row["id"])
        if not row["is_served"]:
            unserved.add(row["program_id"])
    found: Rows = fetch(transaction, NAMED, programs=programs, names=names) if names else []
    # Its id before another's code: what we sell names the id.
    meant = {(row["program_id"], row["code"]): row["id"] for row in found}
    meant |= {(row["program_id"], str(row["id"])): row["id"] for row in found if str(row["id"]) in names}
    cohorts = read_cohorts(transaction, set(meant.values()), at=at)
    retired = fetch(transaction, RETIRED, cohorts=list(cohorts)) if cohorts else []
    return Plan(steps, frozenset(unserved), meant, cohorts, frozenset(row["cohort_id"] for row in retired))


def read_claims(transaction: Transaction, students: Iterable[int], *, without: Sequence[int] = ()) -> list[Claim]:
    """Return what students, who are held, are enrolled in, some enrollments aside."""
    return [Claim(**row) for row in fetch(transaction, CLAIMS, students=list(students), without=list(without))]


def settle(bought: Bought, plan: Plan, claims: list[Claim], *, at: datetime) -> Settled:
    """Say what becomes of a purchase, and take its place in the cohort; later ones meet it."""
    cohort = plan.cohort(bought.program_id, bought.cohort) if bought.cohort else None
    if bought.is_revoked:
        return Settled(EnrollmentStatus.REVOKED, None, None)
    if reason := _objection(bought, cohort, plan, claims, at=at):
        return Settled(EnrollmentStatus.NEEDS_REVIEW, reason, None)
    claims.append(Claim(bought.student_id, bought.program_id, cohort.id if cohort else None, EnrollmentStatus.ACTIVE))
    return Settled(EnrollmentStatus.ACTIVE, None, cohort, cohort.take() if cohort else None)


def _objection(
    bought: Bought, cohort: Cohort | None, plan: Plan, claims: Sequence[Claim], *, at: datetime
) -> ReviewReason | None:
    """Return why staff must look at a purchase first."""
    if bought.cohort and cohort is None:
        return ReviewReason.COHORT_UNKNOWN
    if any(claim.is_same(bought, cohort) for claim in claims):
        return ReviewReason.SECOND_PURCHASE
    if cohort and at >= cohort.enrollment_deadline:
        return ReviewReason.COHORT_CLOSED
    if cohort and cohort.is_full:
        return ReviewReason.COHORT_FULL
    if bought.program_id in plan.unserved or (cohort and cohort.id in plan.retired):
        return ReviewReason.STEP_RETIRED
    return None


def _row(bought: Bought, settled: Settled, at: datetime) -> Row:
    owner = {"organization_id": bought.organization_id, "student_id": bought.student_id}
    what = {"student_package_id": bought.package_id, "course_program_id": bought.program_id}
    details = {"cohort": bought.cohort} if bought.cohort else {}
    return owner | what | settled.columns | {"details": details, "created_at": at}


def _step(bought: Bought, enrollment_id: int, step_id: int) -> Row:
    owner = {"organization_id": bought.organization_id, "enrollment_id": enrollment_id}
    return owner | {"course_step_id": step_id, "status": StepStatus.UNBOOKED.value}


def start(transaction: Transaction, bought: Sequence[Bought], what: str, *, at: datetime) -> None:
    """Book what has one option only, and tell of the enrollments that this is `what` became of them."""
    students = read_students(transaction, {each.student_id for each in bought})
    enrollments = read_enrollments(transaction, students, at=at)
    new = [enrollments[each.package_id] for each in bought]
    wants = {each.package_id: sessions_of(only_options(each.steps.values())) for each in new if each.is_enrolled}
    ahead = read_ahead(transaction, sum((classes for _, classes in wants.values()), Counter[int]()), at=at)
    sessions = {
        package: named.union(*(ahead.get(kind, ()) for kind in classes)) for package, (named, classes) in wants.items()
    }
    found = read_sessions(transaction, set[int]().union(*sessions.values()), lock="FOR NO KEY UPDATE OF c")
    targets: list[Target] = [
        (enrollments[package].student_id, found[number]) for package, numbers in sessions.items() for number in numbers
    ]
    packages = [each.package_id for each in bought]
    complete(transaction, students, targets, named=packages, enrollments=enrollments, at=at)
    ids = reserve(transaction, "bookings", sum(len(each.steps) for each in new))
    world, outgoing = World(students, found, {}, {}, ids, ahead=ahead), Outgoing()
    for each in new:
        _tell(Desk(world, outgoing, each.student_id, at), each, what)
    write(transaction, outgoing, at=at)


def _tell(desk: Desk, enrollment: Enrollment, what: str) -> None:
    about = f"enrollment/{enrollment.id}"
    said = desk.outgoing.publish(desk.student, what, about, told_enrollment(enrollment, desk.student), at=desk.at)
    not_booked = list[Row]()
    if enrollment.is_enrolled:
        order = Order(0, desk.student_id, desk.at, desk.at)
        _, not_booked = book_only_options(desk, order, enrollment)
    said["notBooked"] = not_booked
    if not_booked:
        enrollment.details |= {"notBooked": not_booked}
        keep_enrollment(desk.outgoing, enrollment)
