"""What an enrollment begins with: what has one option only is booked as far as there is room, and all of it is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus, EnrollmentStatus
from db.transaction import fetch
from domain.booking.desk import Desk
from domain.booking.facts import COLUMNS, reserve
from domain.booking.order import Order
from domain.booking.outgoing import Outgoing, Row
from domain.booking.release import release
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import World
from domain.booking.students import Target, complete, read_students
from domain.enrollment.book_step import book_only_options
from domain.enrollment.candidates import only_options, within_reach
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.enrollment import Enrollment
from domain.enrollment.progress import ASSIGNED, CREATED, conclude, keep_enrollment, mail, told_enrollment

IN_REVIEW, REVOKED = "enrollment.needs_review", "enrollment.revoked"
# What is told of an enrollment that was settled anew.
TOLD = {EnrollmentStatus.NEEDS_REVIEW: IN_REVIEW, EnrollmentStatus.REVOKED: REVOKED}

OWNERS = "SELECT DISTINCT student_id FROM student_course_enrollments WHERE student_package_id = ANY(%(packages)s)"
BOOKED = f"""
SELECT {COLUMNS} FROM bookings b
 WHERE b.student_package_id = ANY(%(packages)s) AND b.course_step_id IS NOT NULL AND b.status = 'CONFIRMED'
   AND b.start_at > %(at)s
 ORDER BY b.id
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Begun:
    """Enrollments by their packages: `new` were bought just now, `again` settled anew.

    Of the latter the bookings of those that `moved` are given up first: they are of another cohort, or of none. For
    those that are `back`, whose money had gone, nothing is booked: PRODUCT.md §2.2.
    """

    new: Sequence[int]
    again: Sequence[int]
    moved: Collection[int]
    back: Collection[int]


def start(transaction: Transaction, news: Begun, *, at: datetime) -> None:
    """Begin with enrollments whose rows stand and whose students are held."""
    packages, moved = [*news.new, *news.again], news.moved
    owners = [row["student_id"] for row in fetch(transaction, OWNERS, packages=packages)]
    students = read_students(transaction, owners)
    enrollments = read_enrollments(transaction, students, at=at)
    rows = fetch(transaction, BOOKED, packages=list(moved), at=at) if moved else []
    standing = {row["id"]: Standing.of(row) for row in rows}
    begun = [enrollments[package] for package in packages]
    books = [each for each in begun if each.is_enrolled and each.package_id not in news.back]
    wants = {each.package_id: only_options(each.steps.values()) for each in books}
    wanted, ahead = within_reach(transaction, wants, leaving=standing, at=at)
    left = {each.session_id for each in standing.values() if each.session_id}
    sessions = read_sessions(transaction, left.union(*wanted.values()), lock="FOR NO KEY UPDATE OF c")
    targets: list[Target] = [
        (enrollments[package].student_id, sessions[each]) for package, ids in wanted.items() for each in ids
    ]
    complete(transaction, students, targets, named=packages, enrollments=enrollments, at=at)
    ids = reserve(transaction, "bookings", sum(len(each.steps) for each in begun))
    world, outgoing = World(students, sessions, dict(standing), {}, ids, ahead=ahead), Outgoing()
    for booking in standing.values():
        desk = Desk(world, outgoing, booking.student_id, at)
        desk.answer("booking.cancelled", release(desk, booking, BookingStatus.CANCELLED, {}))
    for each in begun:
        desk = Desk(world, outgoing, each.student_id, at)
        _begin(desk, each, CREATED if each.package_id in news.new else None, books=each in books)
    write(transaction, outgoing, at=at)


def _begin(desk: Desk, enrollment: Enrollment, what: str | None, *, books: bool) -> None:
    """Tell of an enrollment, and book what has one option only; list what could not be."""
    conclude(desk.outgoing, desk.student, enrollment, at=desk.at)
    about, told = f"enrollment/{enrollment.id}", told_enrollment(enrollment, desk.student)
    event = what or TOLD.get(enrollment.status, ASSIGNED)
    said = desk.outgoing.publish(desk.student, event, about, told, at=desk.at)
    if event in {REVOKED, ASSIGNED}:
        mail(desk.outgoing, desk.student, event, enrollment, at=desk.at)
    not_booked = list[Row]()
    if books:
        _, not_booked = book_only_options(desk, Order(0, desk.student_id, desk.at, desk.at), enrollment)
    said["notBooked"] = not_booked
    if not_booked or "notBooked" in enrollment.details:
        enrollment.details |= {"notBooked": not_booked}
        keep_enrollment(desk.outgoing, enrollment)
