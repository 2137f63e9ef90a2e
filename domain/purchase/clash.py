"""What a purchase cannot take along to whom it is given after all: steps at a time, a second place in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import BookingStatus, EnrollmentStatus, ReviewReason
from db.transaction import fetch
from domain.booking.desk import Desk
from domain.booking.facts import COLUMNS
from domain.booking.outgoing import Outgoing
from domain.booking.release import release
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import World
from domain.booking.students import complete, read_students
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.enrollment import Enrollment
from domain.enrollment.progress import keep_cohort

MOVES = "unnest(%(orders)s::bigint[], %(takers)s::bigint[]) AS new (order_id, taker)"
# Enrollments in a cohort in which their taker has a place.
TWICE = f"""
SELECT e.student_package_id AS package_id FROM {MOVES} JOIN student_packages k ON k.order_id = new.order_id
  JOIN student_course_enrollments e ON e.student_package_id = k.id AND e.place IS NOT NULL
 WHERE EXISTS (SELECT FROM student_course_enrollments other
                WHERE other.cohort_id = e.cohort_id AND other.student_id = new.taker AND other.place IS NOT NULL)
"""  # noqa: S608 - our own text
BOOKINGS = f"""
SELECT {COLUMNS} FROM {MOVES} JOIN bookings b ON b.order_id = new.order_id AND b.status = 'CONFIRMED'
 WHERE b.student_package_id = ANY(%(twice)s)
    OR EXISTS (SELECT FROM bookings other WHERE other.student_id = new.taker AND other.place IS NOT NULL
                  AND other.guest_of IS NULL AND other.start_at < b.end_at AND other.end_at > b.start_at)
 ORDER BY b.id
"""  # noqa: S608 - our own text


def free_clashes(session: Session, moves: Mapping[int, int], *, at: datetime) -> None:
    """Cancel what the taker of an order could not have, by order, before it is theirs; what paid comes back.

    A second place in a cohort is given back too, and left to staff.
    """
    values = {"orders": list(moves), "takers": list(moves.values())}
    twice = {row["package_id"] for row in fetch(session, TWICE, **values)}
    bookings = [Standing.of(row) for row in fetch(session, BOOKINGS, twice=list(twice), **values)]
    if twice or bookings:
        _give_up(session, bookings, twice, at=at)


def _give_up(session: Session, bookings: Sequence[Standing], twice: set[int], *, at: datetime) -> None:
    rows = fetch(session, "SELECT student_id FROM student_packages WHERE id = ANY(%(ids)s)", ids=list(twice))
    owners = {each.student_id for each in bookings} | {row["student_id"] for row in rows}
    students = read_students(session, owners, lock="FOR NO KEY UPDATE OF s")
    enrollments = read_enrollments(session, owners, at=at)
    sessions = read_sessions(session, {each.session_id for each in bookings}, lock="FOR NO KEY UPDATE OF c")
    named = [each.student_package_id for each in bookings if each.student_package_id]
    complete(session, students, [], named=[*named, *twice], enrollments=enrollments, at=at)
    world, outgoing = World(students, sessions, {each.id: each for each in bookings}, {}, []), Outgoing()
    for booking in bookings:
        desk = Desk(world, outgoing, booking.student_id, at)
        desk.answer("booking.cancelled", release(desk, booking, BookingStatus.CANCELLED, {}))
    for package in twice:
        _leave_to_staff(outgoing, enrollments[package])
    write(session, outgoing, at=at)


def _leave_to_staff(outgoing: Outgoing, enrollment: Enrollment) -> None:
    enrollment.status, enrollment.review_reason = EnrollmentStatus.NEEDS_REVIEW, ReviewReason.SECOND_PURCHASE
    enrollment.completed_at = None
    enrollment.join(None)
    keep_cohort(outgoing, enrollment)
