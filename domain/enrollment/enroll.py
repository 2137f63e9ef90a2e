"""A course that was bought becomes an enrollment, and what has one option only is booked at once.

What does not fit (a cohort that is full, closed or unknown, a step that nothing serves any more, a second purchase of
the same) is kept for staff: the money came, so nothing is refused here (PRODUCT.md §2). Where a later fact says
otherwise, it is settled anew: what an enrollment is follows from the set of facts.

The journey: `read_plan` locks the cohorts that are meant, `settle` says in plain Python what each purchase becomes,
`enroll` writes it, `start` books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.bulk import insert, update
from db.models import EnrollmentStatus, ReviewReason, StepStatus, StudentCourseEnrollment, StudentCourseStepProgress
from db.transaction import Rows, fetch
from domain.booking.outgoing import Row
from domain.enrollment.enrolled import read_cohorts
from domain.enrollment.enrollment import Cohort
from domain.enrollment.start import Begun, start

# A purchase names a cohort by our id, or by its code.
NAMED = """
SELECT id, code, course_program_id AS program_id FROM course_cohorts
 WHERE course_program_id = ANY(%(programs)s) AND (code = ANY(%(names)s) OR id::text = ANY(%(names)s))
   AND deleted_at IS NULL
"""
UNSERVED = """
SELECT DISTINCT s.course_program_id AS id FROM course_steps s
 WHERE s.course_program_id = ANY(%(programs)s) AND s.deleted_at IS NULL
   AND NOT EXISTS (SELECT FROM course_step_options x
                    WHERE x.course_step_id = s.id AND x.active AND x.deleted_at IS NULL)
"""
CLOSE_STEPS = """
UPDATE student_course_step_progress SET status = 'CANCELLED', cancelled_at = %(at)s
 WHERE enrollment_id = ANY(%(ids)s) AND status = 'UNBOOKED'
"""
# What was never booked; a step whose booking was cancelled stays so, and may be booked all the same.
OPEN_STEPS = """
UPDATE student_course_step_progress SET status = 'UNBOOKED', cancelled_at = NULL
 WHERE enrollment_id = ANY(%(ids)s) AND status = 'CANCELLED' AND booked_at IS NULL
"""
CLAIMS = """
SELECT student_id, course_program_id AS program_id, cohort_id, status FROM student_course_enrollments
 WHERE student_id = ANY(%(students)s) AND status IN ('ACTIVE', 'COMPLETED') AND id <> ALL(%(without)s)
"""


@dataclass(frozen=True, slots=True)
class Bought:
    """A course that was bought: whose it is, with which package, for which cohort. The student is held.

    `steps` are those that were sold, in their order, each with whether it is required; `paid_at` is when its payment
    was first heard of.
    """

    organization_id: int
    student_id: int
    package_id: int
    program_id: int
    cohort: str | None
    is_revoked: bool
    paid_at: datetime
    steps: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """An enrollment that stands and of which something else is known by now; `place` is its own until then."""

    id: int
    bought: Bought
    status: EnrollmentStatus
    cohort_id: int | None
    place: int | None
    details: Row


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
    reason: ReviewReason | None = None
    cohort: Cohort | None = None
    place: int | None = None

    @property
    def columns(self) -> Row:
        """What an enrollment's row says of it."""
        return {
            "cohort_id": self.cohort.id if self.cohort else None,
            "cohort_capacity": self.cohort.capacity if self.cohort and self.place else None,
            "place": self.place,
            "status": self.status.value,
            "review_reason": self.reason.value if self.reason else None,
        }


# What an enrollment is between two places.
LEFT = Settled(EnrollmentStatus.REVOKED).columns | {"completed_at": None}


@dataclass(frozen=True, slots=True)
class Plan:
    """Courses as they are now: those with a step that nothing serves, and cohorts by name, locked."""

    unserved: frozenset[int] = frozenset()
    names: Mapping[tuple[int, str], int] = field(default_factory=dict)
    cohorts: Mapping[int, Cohort] = field(default_factory=dict)

    def cohort(self, bought: Bought) -> Cohort | None:
        """Return the cohort that a purchase means."""
        return self.cohorts.get(self.names.get((bought.program_id, bought.cohort or ""), 0))


def read_plan(transaction: Transaction, wanted: Mapping[int, set[str]], *, at: datetime) -> Plan:
    """Read courses, and lock those of their cohorts that are named, by the course."""
    if not wanted:
        return Plan()
    programs, names = list(wanted), sorted(set[str]().union(*wanted.values()))
    unserved = {row["id"] for row in fetch(transaction, UNSERVED, programs=programs)}
    found: Rows = fetch(transaction, NAMED, programs=programs, names=names) if names else []
    # Its id before another's code: what we sell names the id.
    meant = {(row["program_id"], row["code"]): row["id"] for row in found}
    meant |= {(row["program_id"], str(row["id"])): row["id"] for row in found if str(row["id"]) in names}
    cohorts = read_cohorts(transaction, set(meant.values()), at=at)
    return Plan(frozenset(unserved), meant, cohorts)


def enroll(
    transaction: Transaction, plan: Plan, bought: Sequence[Bought], again: Sequence[Again], *, at: datetime
) -> None:
    """Enroll students in what they bought, settle anew what is told otherwise by now, and book what has one option."""
    if not bought and not again:
        return
    students = {each.student_id for each in (*bought, *(each.bought for each in again))}
    rows = fetch(transaction, CLAIMS, students=list(students), without=[each.id for each in again])
    claims = [Claim(**row) for row in rows]
    for each in again:
        if each.place and (cohort := plan.cohorts.get(each.cohort_id or 0)):
            cohort.places.discard(each.place)
    anew = {each.id: settle(each.bought, plan, claims) for each in again}
    # Whoever leaves a place goes before who gets it.
    update(transaction, StudentCourseEnrollment, [LEFT | {"id": each.id} for each in again if _moves(each, anew)])
    update(transaction, StudentCourseEnrollment, [_changes(each, anew[each.id]) for each in again])
    settled = {each.package_id: settle(each, plan, claims) for each in bought}
    new = [_row(each, settled[each.package_id], at) for each in bought]
    created = insert(transaction, StudentCourseEnrollment, new, returning="id, student_package_id")
    ids = {row["student_package_id"]: row["id"] for row in created}
    steps = [row for each in bought for row in _steps(each, ids[each.package_id], at)]
    insert(transaction, StudentCourseStepProgress, steps)
    _turn_steps(transaction, again, anew, at=at)
    moved = {each.bought.package_id for each in again if _leaves(each, anew[each.id])}
    back = {each.bought.package_id for each in again if each.status is EnrollmentStatus.REVOKED}
    news = Begun([each.package_id for each in bought], [each.bought.package_id for each in again], moved, back)
    start(transaction, news, at=at)


def _turn_steps(transaction: Transaction, again: Sequence[Again], anew: Mapping[int, Settled], *, at: datetime) -> None:
    """Close the open steps of enrollments whose money went back, and open those of who are back."""
    revoked = {each.id for each in again if anew[each.id].status is EnrollmentStatus.REVOKED}
    back = {each.id for each in again if each.status is EnrollmentStatus.REVOKED} - revoked
    if revoked:
        fetch(transaction, CLOSE_STEPS, ids=list(revoked), at=at)
    if back:
        fetch(transaction, OPEN_STEPS, ids=list(back))


def settle(bought: Bought, plan: Plan, claims: list[Claim]) -> Settled:
    """Say what becomes of a purchase, and take its place in the cohort; later ones meet it."""
    cohort = plan.cohort(bought) if bought.cohort else None
    if bought.is_revoked:
        return Settled(EnrollmentStatus.REVOKED, cohort=cohort)
    if reason := _objection(bought, cohort, plan, claims):
        return Settled(EnrollmentStatus.NEEDS_REVIEW, reason)
    claims.append(Claim(bought.student_id, bought.program_id, cohort.id if cohort else None, EnrollmentStatus.ACTIVE))
    return Settled(EnrollmentStatus.ACTIVE, None, cohort, cohort.take() if cohort else None)


def _objection(bought: Bought, cohort: Cohort | None, plan: Plan, claims: Sequence[Claim]) -> ReviewReason | None:
    """Return why staff must look at a purchase first."""
    if bought.cohort and cohort is None:
        return ReviewReason.COHORT_UNKNOWN
    if any(claim.is_same(bought, cohort) for claim in claims):
        return ReviewReason.SECOND_PURCHASE
    if cohort and bought.paid_at >= cohort.enrollment_deadline:
        return ReviewReason.COHORT_CLOSED
    if cohort and cohort.is_full:
        return ReviewReason.COHORT_FULL
    if bought.program_id in plan.unserved:
        return ReviewReason.STEP_RETIRED
    return None


def _moves(again: Again, anew: Mapping[int, Settled]) -> bool:
    """Say whether an enrollment leaves a place that somebody else may get."""
    settled = anew[again.id]
    stays = settled.cohort and settled.place and (settled.cohort.id, settled.place) == (again.cohort_id, again.place)
    return again.place is not None and not stays


def _leaves(again: Again, settled: Settled) -> bool:
    """Say whether an enrollment's bookings are not what it is any more; those of money that went back are not ours."""
    stays = settled.cohort.id if settled.cohort else None
    is_other = settled.status is not EnrollmentStatus.ACTIVE or stays != again.cohort_id
    return is_other and settled.status is not EnrollmentStatus.REVOKED


def _row(bought: Bought, settled: Settled, at: datetime) -> Row:
    owner = {"organization_id": bought.organization_id, "student_id": bought.student_id}
    what = {"student_package_id": bought.package_id, "course_program_id": bought.program_id}
    details = {"cohort": bought.cohort} if bought.cohort else {}
    return owner | what | settled.columns | {"details": details, "created_at": at}


def _changes(again: Again, settled: Settled) -> Row:
    details = again.details | ({"cohort": again.bought.cohort} if again.bought.cohort else {})
    return {"id": again.id, "completed_at": None, "details": details} | settled.columns


def _steps(bought: Bought, enrollment_id: int, at: datetime) -> list[Row]:
    """Return a row for each step that was sold; closed, where the money went back before it was even granted."""
    owner = {"organization_id": bought.organization_id, "enrollment_id": enrollment_id}
    status = StepStatus.CANCELLED if bought.is_revoked else StepStatus.UNBOOKED
    begun = owner | {"status": status.value, "cancelled_at": at if bought.is_revoked else None}
    return [begun | {"course_step_id": step, "is_required": required} for step, required in bought.steps]
