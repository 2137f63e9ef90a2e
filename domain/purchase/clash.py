"""What a purchase cannot take along to whom it is given after all: what is ahead is given up, what is over stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import BookingStatus, EnrollmentStatus, ReviewReason
from db.transaction import Rows, fetch
from domain.booking.desk import Desk
from domain.booking.facts import COLUMNS, reserve
from domain.booking.outgoing import Outgoing
from domain.booking.release import most_new, release
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import World
from domain.booking.students import complete, read_students
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.enrollment import Enrollment
from domain.enrollment.progress import keep_cohort

MOVES = "unnest(%(orders)s::bigint[], %(takers)s::bigint[]) AS new (order_id, taker)"
# Enrollments in a cohort in which their taker has a place, or gets one by a purchase before.
TWICE = f"""
WITH moving AS (
  SELECT e.id, e.cohort_id, e.student_package_id AS package_id, new.taker
    FROM {MOVES} JOIN student_packages k ON k.order_id = new.order_id
    JOIN student_course_enrollments e ON e.student_package_id = k.id AND e.place IS NOT NULL
   WHERE e.student_id <> new.taker)
SELECT e.package_id FROM moving e
 WHERE EXISTS (SELECT FROM student_course_enrollments other
                WHERE other.cohort_id = e.cohort_id AND other.student_id = e.taker AND other.place IS NOT NULL)
    OR EXISTS (SELECT FROM moving other
                WHERE other.cohort_id = e.cohort_id AND other.taker = e.taker AND other.id < e.id)
"""  # noqa: S608 - our own text
# Bookings at a time at which their taker is somewhere, or will be by a purchase of another giver's; guests aside.
CLASHES = f"""
WITH moving AS (
  SELECT b.id, b.student_id AS giver, new.taker, b.start_at, b.end_at
    FROM {MOVES} JOIN bookings b ON b.order_id = new.order_id AND b.place IS NOT NULL AND b.guest_of IS NULL
   WHERE b.student_id <> new.taker)
SELECT b.id FROM moving b
 WHERE EXISTS (SELECT FROM bookings other WHERE other.student_id = b.taker AND other.place IS NOT NULL
                  AND other.guest_of IS NULL AND other.start_at < b.end_at AND other.end_at > b.start_at)
    OR EXISTS (SELECT FROM moving other WHERE other.taker = b.taker AND other.giver <> b.giver AND other.id < b.id
                  AND other.start_at < b.end_at AND other.end_at > b.start_at)
"""  # noqa: S608 - our own text
# The days that passes were used, and those on which their takers used one.
DAYS = f"""
SELECT u.id, u.booking_id, u.usage_date, new.taker, k.all_access_daily_limit AS most
  FROM {MOVES} JOIN student_packages k ON k.order_id = new.order_id
  JOIN all_access_daily_usages u ON u.student_package_id = k.id AND u.freed_at IS NULL AND u.student_id <> new.taker
 WHERE u.booking_id <> ALL(%(without)s)
 ORDER BY u.usage_date, u.id
"""  # noqa: S608 - our own text
USED = """
SELECT student_id, usage_date, slot FROM all_access_daily_usages
 WHERE student_id = ANY(%(students)s) AND usage_date = ANY(%(days)s) AND freed_at IS NULL
"""
# What is ahead of these, and of the second places in a cohort; and guests whom another order brings than their host's.
AHEAD = f"""
SELECT {COLUMNS} FROM bookings b
 WHERE b.status = 'CONFIRMED' AND b.start_at > %(at)s AND b.guest_of IS NULL
   AND (b.id = ANY(%(clashing)s) OR b.student_package_id = ANY(%(twice)s))
UNION
SELECT {COLUMNS} FROM bookings b JOIN bookings host ON host.id = b.guest_of
  LEFT JOIN {MOVES} ON new.order_id = b.order_id
  LEFT JOIN unnest(%(orders)s::bigint[], %(takers)s::bigint[]) AS hosts (order_id, taker)
         ON hosts.order_id = host.order_id
 WHERE b.status = 'CONFIRMED' AND b.start_at > %(at)s
   AND (b.order_id = ANY(%(orders)s) OR host.order_id = ANY(%(orders)s))
   AND coalesce(new.taker, b.student_id) <> coalesce(hosts.taker, host.student_id)
 ORDER BY id
"""  # noqa: S608 - our own text
GUESTS = f"""
SELECT {COLUMNS} FROM bookings b WHERE b.guest_of = ANY(%(hosts)s) AND b.place IS NOT NULL ORDER BY b.id
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Slot:
    """A day of a pass as its taker has it: the use, and the slot of the day that it gets."""

    usage_id: int
    student_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What does not go as it is: bookings that are over and stay with their givers, and slots of days that change."""

    bookings: Sequence[int]
    slots: Sequence[Slot]


def free_clashes(session: Session, moves: Mapping[int, int], *, at: datetime) -> Kept:
    """Cancel what the taker of an order could not have, by order, before it is theirs; what paid comes back.

    What is over is not undone: where the taker was elsewhere, or used a pass as often that day as one may, it stays
    on the giver's record. A second place in a cohort is given back too, and left to staff.
    """
    values = {"orders": list(moves), "takers": list(moves.values())}
    twice = {row["package_id"] for row in fetch(session, TWICE, **values)}
    clashing = {row["id"] for row in fetch(session, CLASHES, **values)}
    slots, full = _days(session, fetch(session, DAYS, without=list(clashing), **values))
    clashing |= full
    rows = fetch(session, AHEAD, clashing=list(clashing), twice=list(twice), at=at, **values)
    ahead = [Standing.of(row) for row in rows]
    if twice or ahead:
        _give_up(session, ahead, twice, at=at)
    freed = {each.id for each in ahead}
    return Kept(sorted(clashing - freed), slots)


def _days(session: Session, uses: Rows) -> tuple[list[Slot], set[int]]:
    """Return the slots that uses of a pass get with their takers, and the bookings for which a day has none left."""
    if not uses:
        return [], set()
    students, days = {use["taker"] for use in uses}, {use["usage_date"] for use in uses}
    used: defaultdict[object, set[int]] = defaultdict(set)
    for row in fetch(session, USED, students=list(students), days=list(days)):
        used[row["student_id"], row["usage_date"]].add(row["slot"])
    slots, full = list[Slot](), set[int]()
    for use in uses:
        taken = used[use["taker"], use["usage_date"]]
        free = min(set(range(1, len(taken) + 2)) - taken)
        if free > use["most"]:
            full.add(use["booking_id"])
            continue
        taken.add(free)
        slots.append(Slot(use["id"], use["taker"], free))
    return slots, full


def _give_up(session: Session, bookings: Sequence[Standing], twice: set[int], *, at: datetime) -> None:
    """Cancel bookings with their guests, and give places in cohorts back."""
    found = [Standing.of(row) for row in fetch(session, GUESTS, hosts=[each.id for each in bookings])]
    rows = fetch(session, "SELECT student_id FROM student_packages WHERE id = ANY(%(ids)s)", ids=list(twice))
    owners = {each.student_id for each in bookings} | {row["student_id"] for row in rows}
    students = read_students(session, owners, lock="FOR NO KEY UPDATE OF s")
    enrollments = read_enrollments(session, owners, at=at)
    sessions = read_sessions(session, {each.session_id for each in bookings}, lock="FOR NO KEY UPDATE OF c")
    named = [each.student_package_id for each in (*bookings, *found) if each.student_package_id]
    complete(session, students, [], named=[*named, *twice], enrollments=enrollments, at=at)
    guests = {each.guest_of or 0: each for each in found}
    held = {each.id: each for each in (*bookings, *found)}
    ids = reserve(session, "bookings", most_new(held.values()))
    world, outgoing = World(students, sessions, held, guests, ids), Outgoing()
    for booking in bookings:
        if held[booking.id].status is BookingStatus.CONFIRMED:
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
