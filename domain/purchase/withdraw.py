"""What a package paid for that is ahead, given up: bookings with their guests, and waits that nothing else would pay.

The seats are offered on, what paid comes back, and the student is told of each. What has begun stays on record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus, ServiceType, WaitlistStatus
from db.transaction import fetch
from domain.booking.command import Wish
from domain.booking.desk import Desk
from domain.booking.facts import COLUMNS, reserve
from domain.booking.outgoing import Outgoing
from domain.booking.paying import Means, judge
from domain.booking.release import most_new, release
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import ENDLESS, Package, Session, Student, Waiting, World
from domain.booking.students import complete, read_students
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.taking import takings
from domain.errors import AllAccessUsedToday, PackageRevoked, PackageSuspended
from domain.holding.package import PackageStatus
from domain.waitlist.line import end, told_entry

CLOSED = "waitlist.closed"

# Hosts first: a guest goes with theirs.
AHEAD = f"""
SELECT {COLUMNS} FROM unnest(%(packages)s::bigint[], %(since)s::timestamptz[]) AS gone (package_id, since)
  JOIN bookings b ON b.student_package_id = gone.package_id
 WHERE b.status = 'CONFIRMED' AND b.start_at > %(at)s AND b.start_at >= gone.since
 ORDER BY b.guest_of NULLS FIRST, b.id
"""  # noqa: S608 - our own names
GUESTS = f"""
SELECT {COLUMNS} FROM bookings b WHERE b.guest_of = ANY(%(hosts)s) AND b.place IS NOT NULL ORDER BY b.id
"""  # noqa: S608 - our own names
OWNERS = "SELECT DISTINCT student_id AS id FROM student_packages WHERE id = ANY(%(packages)s)"
WAITS = """
SELECT w.session_id, w.student_id FROM waitlist_entries w JOIN class_sessions c ON c.id = w.session_id
 WHERE w.student_id = ANY(%(students)s) AND w.status IN ('WAITING', 'SKIPPED') AND c.start_at > %(at)s
"""


def cancel_ahead(transaction: Transaction, package_ids: Collection[int], *, at: datetime) -> int:
    """Cancel the bookings that are ahead and that packages pay for; return how many, guests included.

    The caller holds the students.
    """
    return _give_up(transaction, dict.fromkeys(package_ids, at), at=at)


def withdraw(transaction: Transaction, since: Mapping[int, datetime], *, at: datetime) -> int:
    """Give up what packages, each since an instant, cannot pay any more; return how many bookings were cancelled.

    The waits of their students that nothing else would pay are closed. The caller holds the students, and has written
    what the packages are by now.
    """
    return _give_up(transaction, since, at=at, closes_waits=True)


def _give_up(
    transaction: Transaction, since: Mapping[int, datetime], *, at: datetime, closes_waits: bool = False
) -> int:
    if not since:
        return 0
    packages = sorted(since)
    rows = fetch(transaction, AHEAD, packages=packages, since=[since[each] for each in packages], at=at)
    bookings = _hosted([Standing.of(row) for row in rows])
    owners = [row["id"] for row in fetch(transaction, OWNERS, packages=packages)]
    waits = fetch(transaction, WAITS, students=owners, at=at) if closes_waits else []
    if not bookings and not waits:
        return 0
    guests = _guests(transaction, bookings)
    students = read_students(transaction, owners)
    wanted = {each.session_id for each in bookings} | {row["session_id"] for row in waits}
    sessions = read_sessions(transaction, wanted, lock="FOR NO KEY UPDATE OF c")
    targets = [(row["student_id"], sessions[row["session_id"]]) for row in waits]
    named = packages + [each.student_package_id for each in (*bookings, *guests) if each.student_package_id]
    enrollments = read_enrollments(transaction, students, at=at)
    complete(transaction, students, targets, named=named, enrollments=enrollments, at=at)
    held = {each.id: each for each in (*bookings, *guests)}
    ids = reserve(transaction, "bookings", most_new(held.values()))
    world = World(students, sessions, held, {each.guest_of or 0: each for each in guests}, ids)
    outgoing = Outgoing()
    cancelled = sum(_cancel(Desk(world, outgoing, each.student_id, at), each) for each in bookings)
    for student_id, session in targets:
        _leave_line(Desk(world, outgoing, student_id, at), session, since)
    write(transaction, outgoing, at=at)
    return cancelled


def _hosted(bookings: Iterable[Standing]) -> list[Standing]:
    """Return bookings without the guests whose hosts are among them: they go with those."""
    found: dict[int, Standing] = {}
    for each in bookings:
        if each.guest_of not in found:
            found[each.id] = each
    return list(found.values())


def _guests(transaction: Transaction, bookings: Collection[Standing]) -> list[Standing]:
    rows = fetch(transaction, GUESTS, hosts=[each.id for each in bookings])
    return [Standing.of(row) for row in rows]


def _cancel(desk: Desk, booking: Standing) -> int:
    rows = release(desk, booking, BookingStatus.CANCELLED, {"withdrawn": True})
    # Nobody gave a promotion back.
    desk.outgoing.undone.clear()
    desk.answer("booking.cancelled", rows)
    return len(rows)


def _leave_line(desk: Desk, session: Session, gone: Collection[int]) -> None:
    """Take a student out of a line whose place one of the packages that are gone would have paid, and nothing else."""
    entry = session.entry(desk.student_id)
    if entry is None or _pays(desk.student, session) or not _paid(desk.student, session, gone):
        return
    end(desk, session, entry, WaitlistStatus.CLOSED, reason=PackageRevoked.code)
    _tell(desk, session, entry)


def _tell(desk: Desk, session: Session, entry: Waiting) -> None:
    said = told_entry(entry, session, desk.student.external_id) | {"reason": PackageRevoked.code}
    desk.outgoing.publish(desk.student, CLOSED, f"waitlist/{entry.id}", said, at=desk.at)
    desk.outgoing.mail(desk.student, CLOSED, f"waitlist:{entry.id}", waitlist_entry_id=entry.id, at=desk.at)


def _paid(student: Student, session: Session, gone: Collection[int]) -> bool:
    """Say whether one of the packages that are gone would have paid for a session."""
    packages = [package for package in student.packages.values() if package.id in gone]
    if any(_takes(each, session) for each in packages):
        return True
    before = replace(student, packages={each.id: _as_it_was(each) for each in packages})
    judged = [judgement for _, judgement in judge(before, session, next(iter(session.seats), None), Wish())]
    return any(isinstance(each, Means | AllAccessUsedToday) for each in judged)


def _takes(package: Package, session: Session) -> bool:
    """Say whether a package's course would have taken an open step in a session."""
    end, course = _as_it_was(package).expires_at, package.enrollment
    steps = course.serves(session.id, session.class_id) if course else ()
    return (end is None or session.start_at < end) and any(step.is_open for step, _ in steps)


def _as_it_was(package: Package) -> Package:
    """Return a package as if its money was there; of one whose end came nearer, its days too."""
    if package.status is PackageStatus.REVOKED:
        return replace(package, status=PackageStatus.ACTIVE)
    window = package.all_access
    return replace(
        package,
        status=PackageStatus.ACTIVE,
        expires_at=None,
        all_access=replace(window, ends_at=ENDLESS) if window else None,
    )


def _pays(student: Student, session: Session) -> bool:
    """Say whether something else would pay for a session, at once or when its own trouble is over."""
    if any(each.step.is_open and _may_pay(each.package, session) for each in takings(student, session)):
        return True
    if session.service is ServiceType.COURSE:
        return False
    judged = [judgement for _, judgement in judge(student, session, next(iter(session.seats), None), Wish())]
    return any(isinstance(each, Means | AllAccessUsedToday | PackageSuspended) for each in judged)


def _may_pay(package: Package, session: Session) -> bool:
    """Say whether a course lasts for a session, and its money is there, or may come back."""
    lasts = package.expires_at is None or session.start_at < package.expires_at
    return lasts and package.status is not PackageStatus.REVOKED
