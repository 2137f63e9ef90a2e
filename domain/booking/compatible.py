"""What of all that a student holds would pay for a session, and why the rest would not: judged as a booking is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import PaymentType, ServiceType
from db.transaction import fetch
from domain.booking.command import Wish
from domain.booking.fit import Fit
from domain.booking.paying import Means, best, choose, enroll, judge
from domain.booking.sessions import read_sessions
from domain.booking.state import Package, Seat, Session, Student
from domain.booking.students import complete, read_students
from domain.enrollment.taking import required_taking
from domain.errors import InvalidCommand, NotFound, Refusal

# However much somebody has held: of the oldest packages nobody asks why they do not pay.
MOST_TOLD = 200
NOTHING_NAMED = Wish()

NEWEST = "SELECT id FROM student_packages WHERE student_id = %(student)s ORDER BY id DESC LIMIT %(limit)s"
CODES = "SELECT id, product_code FROM student_packages WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True, slots=True)
class Payable:
    """One way to pay: a pass, or a package's line with what is left of it before the session."""

    id: int
    product_code: str
    package_name: str
    payment_type: PaymentType
    credits_needed: int
    expires_at: datetime | None
    allowance_id: int | None = None
    service_type: ServiceType | None = None
    teacher_tier: int | None = None
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A package that does not pay: the code and the sentence that naming it in a booking would end in."""

    id: int
    product_code: str
    package_name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Compatible:
    """Ways to pay in the order in which they would; `recommended` is what a booking that names none is paid with."""

    exact_match: Sequence[Payable]
    higher_tier: Sequence[Payable]
    recommended: Payable | None
    unusable: Sequence[Unusable]
    requires_course_enrollment: bool
    is_enrolled_in_course: bool


def compatible(
    transaction: Transaction, student_id: int, session_id: int, seat_id: int | None = None, *, at: datetime
) -> Compatible:
    """Return how a student could pay for a session, whether or not there is room in it.

    Raises:
        NotFound: the student's organization has no such session.
        InvalidCommand: the session has no such seat.

    """
    student = read_students(transaction, [student_id])[student_id]
    wanted = read_sessions(transaction, [session_id]).get(session_id)
    if wanted is None or wanted.organization_id != student.organization_id:
        raise NotFound("There is no session of this id: GET /api/calendar lists them.")
    newest = [row["id"] for row in fetch(transaction, NEWEST, student=student_id, limit=MOST_TOLD)]
    complete(transaction, {student_id: student}, [(student_id, wanted)], named=newest, at=at)
    rows = fetch(transaction, CODES, ids=list(student.packages))
    return _judge(student, wanted, _seat(wanted, seat_id), {row["id"]: row["product_code"] for row in rows})


def _seat(session: Session, seat_id: int | None) -> Seat | None:
    """Return the seat whose price counts: the one that is named, else the cheapest free one, else the cheapest."""
    if seat_id is None:
        return next(iter(session.free_seats or session.seats), None)
    for seat in session.seats:
        if seat.id == seat_id:
            return seat
    raise InvalidCommand(f"The session has no seat {seat_id}: GET /api/calendar shows its seats.")


def _judge(student: Student, session: Session, seat: Seat | None, codes: Mapping[int, str]) -> Compatible:
    if session.service is ServiceType.COURSE:
        return _judge_enrollments(student, session, codes)
    judged = judge(student, session, seat, NOTHING_NAMED)
    means = list(_in_turn([each for _, each in judged if isinstance(each, Means)], session))
    paying = {each.package.id for each in means if each.package}
    refused = {
        package.id: _refusal(student, session, seat, package)
        for package in student.packages.values()
        if package.id not in paying
    }
    return Compatible(
        exact_match=[_payable(each, codes) for each in means if each.fit is Fit.EXACT],
        higher_tier=[_payable(each, codes) for each in means if each.fit is Fit.HIGHER],
        recommended=_recommended(student, session, seat, codes),
        unusable=_unusable(student, refused, codes),
        requires_course_enrollment=False,
        is_enrolled_in_course=_is_enrolled(student, session),
    )


def _judge_enrollments(student: Student, session: Session, codes: Mapping[int, str]) -> Compatible:
    """Say which course pays for a session that takes enrollments only."""
    paying, refused = list[Payable](), dict[int, Refusal]()
    for package in student.packages.values():
        try:
            taking = required_taking(student, session, package_id=package.id)
            paying.append(_payable(enroll(student, session, taking), codes))
        except Refusal as refusal:
            refused[package.id] = refusal
    return Compatible(
        exact_match=paying,
        higher_tier=[],
        recommended=next(iter(paying), None),
        unusable=_unusable(student, refused, codes),
        requires_course_enrollment=True,
        is_enrolled_in_course=_is_enrolled(student, session),
    )


def _is_enrolled(student: Student, session: Session) -> bool:
    """Say whether a student is enrolled in a course that a session serves."""
    courses = {code for code, _ in session.courses}
    held = (package.enrollment for package in student.packages.values())
    return any(each is not None and each.is_enrolled and each.code in courses for each in held)


def _in_turn(means: Sequence[Means], session: Session) -> Iterator[Means]:
    """Yield means in the order in which they would pay: the first, then the first without it, and so on."""
    left = list(means)
    while first := best(left, session, NOTHING_NAMED):
        yield first
        left = [each for each in left if each is not first]


def _recommended(student: Student, session: Session, seat: Seat | None, codes: Mapping[int, str]) -> Payable | None:
    try:
        return _payable(choose(student, session, seat, NOTHING_NAMED), codes)
    except Refusal:
        return None


def _refusal(student: Student, session: Session, seat: Seat | None, package: Package) -> Refusal:
    """Return what a booking that names a package ends in, where nothing of the package pays."""
    try:
        choose(student, session, seat, Wish(package_id=package.id))
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"package {package.id} pays if it is named, and does not if it is not")


def _payable(means: Means, codes: Mapping[int, str]) -> Payable:
    package, line = means.package, means.line
    assert package  # noqa: S101 - only what is free has none, and nobody asks for that here
    window = package.all_access if means.payment is PaymentType.ALL_ACCESS else None
    return Payable(
        id=package.id,
        product_code=codes[package.id],
        package_name=package.name,
        payment_type=means.payment,
        credits_needed=means.credits,
        expires_at=window.ends_at if window else package.expires_at,
        allowance_id=line.id if line else None,
        service_type=line.service if line else None,
        teacher_tier=line.tier if line else None,
        remaining=line.remaining if line else None,
    )


def _unusable(student: Student, refused: Mapping[int, Refusal], codes: Mapping[int, str]) -> list[Unusable]:
    """Return what does not pay, the newest first."""
    return [
        Unusable(number, codes[number], student.packages[number].name, refused[number].code, str(refused[number]))
        for number in sorted(refused, reverse=True)[:MOST_TOLD]
    ]
