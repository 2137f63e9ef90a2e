"""Lock and read all that a batch of commands is about, a statement per kind, however many commands there are.

Locks come first and in one order (docs/adr/0003): students, whose packages and bookings go with them, then
teachers who are asked for, and the sessions that somebody is to be put into, leaves or waits for. What is
counted and summed is read after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus, BookingType
from db.transaction import Rows, fetch
from domain.booking.command import Adjust, Book, Cancel, Change, Command, Join, Leave, Schedule
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import Busy, Student, World
from domain.booking.students import Target, complete, read_students
from domain.booking.teachers import LONGEST, read_teachers
from domain.enrollment.facts import read_course_facts

COLUMNS = ", ".join("b." + ("metadata" if each.name == "metadata" else each.name) for each in fields(Standing))
BOOKINGS = f"""
SELECT {COLUMNS} FROM bookings b WHERE b.id = ANY(%(ids)s)
UNION ALL
SELECT {COLUMNS} FROM bookings b WHERE b.guest_of = ANY(%(ids)s) AND b.place IS NOT NULL
"""  # noqa: S608 - our own names

# Whatever the catalog says by now: what was sold as drafts has one that was, to the end.
DRAFTED = f"""
SELECT DISTINCT ON (b.allowance_id) {COLUMNS} FROM bookings b
 WHERE b.student_package_id = ANY(%(packages)s) AND b.booking_type = 'PACKAGE_SESSION' AND b.guest_of IS NULL
   AND b.allowance_id IS NOT NULL
 ORDER BY b.allowance_id, b.id
"""  # noqa: S608 - our own names

FRIENDS = """
SELECT student_package_id, bool_or(status <> 'CANCELLED') AS came, count(*) AS times FROM bookings
 WHERE student_package_id = ANY(%(packages)s) AND payment_type = 'FRIEND_PASS' GROUP BY student_package_id
"""

RESERVE = "SELECT nextval(pg_get_serial_sequence(%(table)s, 'id')) AS id FROM generate_series(1, %(count)s)"

UNDONE = """
SELECT student_id, session_id FROM waitlist_entries
 WHERE student_id = ANY(%(students)s) AND status = 'LEFT' AND booking_id IS NOT NULL
"""

# What is about a booking that stands, and what about a session.
About = Change | Cancel | Schedule
Naming = Book | Schedule | Join | Leave


def read_world(session: Transaction, commands: Sequence[Command], *, at: datetime) -> World:
    """Lock and read what commands are about."""
    students = read_students(session, {command.student_id for command in commands}, lock="FOR NO KEY UPDATE OF s")
    standing = _bookings(session, [c.booking_id for c in commands if isinstance(c, About)])
    courses = read_course_facts(session, commands, standing, at=at)
    standing += _bookings(session, list(courses.bookings - {each.id for each in standing}))
    bookings = {each.id: each for each in standing}
    scheduling = [command for command in commands if isinstance(command, Schedule)]
    teachers = read_teachers(session, scheduling, students)
    wanted = {c.job_id: _wanted(c, bookings) | courses.sessions.get(c.job_id, set()) for c in commands}
    # Those that somebody leaves too: a capacity that is changed changes all bookings of its session, in any order.
    left = {each.session_id for each in standing if each.place is not None and each.session_id}
    sessions = read_sessions(session, left.union(*wanted.values()), lock="FOR NO KEY UPDATE OF c")
    for each in standing:
        # Its place may have been numbered anew before its session was locked.
        if each.session_id in sessions:
            each.place = sessions[each.session_id].held.get(each.id)
    targets: list[Target] = [(c.student_id, sessions[w]) for c in commands for w in wanted[c.job_id] if w in sessions]
    targets += [(c.student_id, Busy(c.start_at, c.start_at + LONGEST)) for c in scheduling if c.start_at]
    named = [each.student_package_id for each in standing if each.student_package_id]
    named += [c.wish.package_id for c in commands if isinstance(c, Book | Change) and c.wish.package_id]
    named += [*courses.packages, *(command.package_id for command in commands if isinstance(command, Adjust))]
    complete(session, students, targets, named=named, enrollments=courses.enrollments, at=at)
    guests = {each.guest_of: each for each in standing if each.guest_of is not None and each.place is not None}
    _mark_friends(session, students, commands, guests)
    bookings |= read_drafts(session, students)
    return World(
        students,
        sessions,
        bookings,
        guests,
        reserve(session, "bookings", _most_new(commands, bookings) + courses.most_new),
        reserve(session, "class_sessions", len(scheduling)),
        reserve(session, "waitlist_entries", sum(isinstance(command, Join) for command in commands)),
        teachers,
        _undone(session, commands),
        _drafted(session, commands),
        courses.ahead,
        courses.cohorts,
    )


def read_drafts(session: Transaction, students: Mapping[int, Student]) -> dict[int, Standing]:
    """Return the open drafts of students who are complete, by their ids."""
    packages = [package for student in students.values() for package in student.packages.values()]
    drafts = [draft for package in packages for line in package.lines for draft in line.drafts]
    return {each.id: each for each in _bookings(session, drafts)}


def _most_new(commands: Sequence[Command], bookings: Mapping[int, Standing]) -> int:
    """Return how many bookings may be made at the most: for takers and guests, and drafts of credits that come back.

    No more drafts come back from one booking than its line has drafts and credits spent; it may be given up by
    several commands, and be booked again between them.
    """
    takers = sum(isinstance(command, Book | Change) for command in commands)
    most = Counter[int | None]()
    for each in bookings.values():
        most[each.allowance_id] += each.credits_used or each.status is BookingStatus.DRAFT
    given = [command for command in commands if isinstance(command, Adjust) and command.credits > 0]
    for adjust in given:
        most[adjust.allowance_id] += adjust.credits
    given_up = [bookings.get(command.booking_id) for command in commands if isinstance(command, Change | Cancel)]
    was_draft = [each for each in given_up if each and each.booking_type is BookingType.PACKAGE_SESSION]
    return 2 * takers + sum(most[each.allowance_id] for each in was_draft) + sum(adjust.credits for adjust in given)


def _wanted(command: Command, bookings: Mapping[int, Standing]) -> set[int]:
    """Return the session that somebody is to be put into, or waits for, if there is one."""
    session_id = command.session_id if isinstance(command, Naming | Change) else None
    if isinstance(command, Change) and session_id is None:
        standing = bookings.get(command.booking_id)
        session_id = standing.session_id if standing else None
    return {session_id} if session_id else set()


def _undone(session: Transaction, commands: Sequence[Command]) -> set[tuple[int, int]]:
    """Return which students gave back a promotion into which session, of those who would wait."""
    waiting = [command.student_id for command in commands if isinstance(command, Join)]
    rows = fetch(session, UNDONE, students=waiting) if waiting else []
    return {(row["student_id"], row["session_id"]) for row in rows}


def _drafted(session: Transaction, commands: Sequence[Command]) -> dict[int, Standing]:
    """Return by line a session that was sold to be scheduled later, of packages that are adjusted."""
    packages = [command.package_id for command in commands if isinstance(command, Adjust)]
    rows = fetch(session, DRAFTED, packages=packages) if packages else []
    return {row["allowance_id"]: Standing.of(row) for row in rows}


def _mark_friends(
    session: Transaction, students: Mapping[int, Student], commands: Sequence[Command], guests: Mapping[int, Standing]
) -> None:
    """Note which friend passes are used, where a command brings a friend."""
    if not guests and not any(isinstance(command, Book) and command.friend for command in commands):
        return
    packages = {p.id: p for s in students.values() for p in s.packages.values() if p.friend_until}
    for row in fetch(session, FRIENDS, packages=list(packages)):
        packages[row["student_package_id"]].friend_came = row["came"]
        packages[row["student_package_id"]].friends_asked = row["times"]


def reserve(session: Transaction, table: str, count: int) -> list[int]:
    """Return so many numbers of a table, kept for new rows."""
    return [row["id"] for row in fetch(session, RESERVE, table=table, count=count)] if count else []


def _bookings(session: Transaction, ids: Sequence[int]) -> list[Standing]:
    rows: Rows = fetch(session, BOOKINGS, ids=list(ids)) if ids else []
    return [Standing.of(row) for row in {row["id"]: row for row in rows}.values()]
