"""Lock and read all that a batch of commands is about, a statement per kind, however many commands there are.

Locks come first and in one order (docs/adr/0003): students, whose packages and bookings go with them,
then the sessions that somebody is to be put into, or leaves. What is counted and summed is read after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus, BookingType, DisputeStatus, ServiceType, SessionStatus, ValidityStart
from db.transaction import Rows, fetch
from domain.booking.command import Book, Cancel, Change, Command
from domain.booking.state import Line, Package, Pass, Seat, Session, Span, Standing, Student, World
from domain.holding.package import PackageStatus

# A package that ended this long ago is not told as the reason why nothing pays.
STILL_TOLD = timedelta(days=90)

STUDENTS = """
SELECT s.id, s.organization_id, s.external_id, s.event_sequence, o.timezone, o.cancellation_window_minutes
  FROM students s JOIN organizations o ON o.id = s.organization_id
 WHERE s.id = ANY(%(ids)s) ORDER BY s.id {lock}
"""

COLUMNS = ", ".join("b." + ("metadata" if each.name == "metadata" else each.name) for each in fields(Standing))
BOOKINGS = f"""
SELECT {COLUMNS} FROM bookings b WHERE b.id = ANY(%(ids)s)
UNION ALL
SELECT {COLUMNS} FROM bookings b WHERE b.guest_of = ANY(%(ids)s) AND b.place IS NOT NULL
"""  # noqa: S608 - our own names

# The tier by a look of its own: of a row that was waited for, a join would be with what stood before the wait.
SESSIONS = """
SELECT c.id, c.organization_id, c.service_type, c.status, c.start_at, c.end_at, c.capacity, g.name, g.is_workshop,
       coalesce((SELECT t.tier FROM teachers t WHERE t.id = c.teacher_id), 0) AS tier,
       (SELECT jsonb_agg(jsonb_build_array(e.id, e.label, e.credit_cost) ORDER BY e.credit_cost, e.position)
          FROM seats e WHERE e.group_class_id = g.id AND e.active) AS seats
  FROM class_sessions c JOIN group_classes g ON g.id = c.group_class_id
 WHERE c.id = ANY(%(ids)s) ORDER BY c.id {lock}
"""

TAKEN = """
SELECT session_id, array_agg(place) AS places, array_agg(id) AS bookings,
       array_agg(seat_id) FILTER (WHERE seat_id IS NOT NULL) AS seats
  FROM bookings WHERE session_id = ANY(%(ids)s) AND place IS NOT NULL GROUP BY session_id
"""

# In the order in which they pay. What a draft waits for is a credit of its line.
PACKAGES = """
SELECT k.id, k.student_id, k.order_id, k.name, k.purchased_at, k.validity_days, k.validity_starts,
       k.starts_at, k.expires_at, k.all_access_starts_at, k.all_access_expires_at, k.all_access_services,
       k.all_access_daily_limit, k.friend_pass_expires_at, p.dispute_status,
       coalesce(p.amount_received > 0 AND p.amount_refunded >= p.amount_received, false) AS refunded,
       (SELECT jsonb_agg(jsonb_build_array(a.id, a.service_type, a.teacher_tier, a.credit_unit_minutes, a.credits -
                 coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0),
                 (SELECT jsonb_agg(b.id ORDER BY b.id) FROM bookings b
                   WHERE b.allowance_id = a.id AND b.status = 'DRAFT')) ORDER BY a.position)
          FROM student_package_allowances a WHERE a.student_package_id = k.id) AS lines,
       CASE WHEN k.validity_starts = 'FIRST_USE' THEN
         (SELECT array_agg(b.start_at) FROM bookings b
           WHERE b.student_package_id = k.id AND b.place IS NOT NULL AND b.guest_of IS NULL) END AS starts
  FROM student_packages k JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
 WHERE k.student_id = ANY(%(students)s) AND (k.expires_at IS NULL OR k.expires_at > %(since)s OR k.id = ANY(%(named)s))
 ORDER BY k.student_id, k.expires_at NULLS LAST, k.purchased_at, k.id
"""

# What lies between the first and the last of the sessions that a batch wants.
SPANS = """
SELECT student_id, id, session_id, start_at, end_at FROM bookings
 WHERE student_id = ANY(%(students)s) AND end_at > %(first)s AND start_at < %(last)s
   AND place IS NOT NULL AND guest_of IS NULL
"""

DAYS = """
SELECT student_id, usage_date, slot, booking_id FROM all_access_daily_usages
 WHERE student_id = ANY(%(students)s) AND usage_date BETWEEN %(first)s AND %(last)s AND freed_at IS NULL
"""

FRIENDS = """
SELECT student_package_id, bool_or(status <> 'CANCELLED') AS came, count(*) AS times FROM bookings
 WHERE student_package_id = ANY(%(packages)s) AND payment_type = 'FRIEND_PASS' GROUP BY student_package_id
"""

RESERVE = "SELECT nextval(pg_get_serial_sequence('bookings', 'id')) AS id FROM generate_series(1, %(count)s)"


def read_world(session: Transaction, commands: Sequence[Command], *, at: datetime) -> World:
    """Lock and read what commands are about."""
    students = read_students(session, {command.student_id for command in commands}, lock="FOR NO KEY UPDATE OF s")
    standing = _bookings(session, [c.booking_id for c in commands if isinstance(c, Change | Cancel)])
    bookings = {each.id: each for each in standing}
    wanted = {command.job_id: _wanted(command, bookings) for command in commands}
    # Those that somebody leaves too: a capacity that is changed changes all bookings of its session, in any order.
    left = {each.session_id for each in standing if each.place is not None}
    sessions = read_sessions(session, ({*wanted.values()} | left) - {None}, lock="FOR NO KEY UPDATE OF c")
    for each in standing:
        # Its place may have been numbered anew before its session was locked.
        if each.session_id in sessions:
            each.place = sessions[each.session_id].held.get(each.id)
    targets = [(c.student_id, sessions[w]) for c in commands if (w := wanted[c.job_id]) in sessions]
    named = [each.student_package_id for each in standing if each.student_package_id]
    named += [c.wish.package_id for c in commands if isinstance(c, Book | Change) and c.wish.package_id]
    complete(session, students, targets, named=named, at=at)
    guests = {each.guest_of: each for each in standing if each.guest_of is not None and each.place is not None}
    _mark_friends(session, students, commands, guests)
    drafts = [
        draft for s in students.values() for p in s.packages.values() for line in p.lines for draft in line.drafts
    ]
    bookings |= {each.id: each for each in _bookings(session, drafts)}
    return World(students, sessions, bookings, guests, _reserve(session, _most_new(commands, bookings)))


def _most_new(commands: Sequence[Command], bookings: Mapping[int, Standing]) -> int:
    """Return how many bookings may be made at the most: for takers and guests, and drafts of credits that come back.

    No more drafts come back from one booking than its line has drafts and credits spent; it may be given up by
    several commands, and be booked again between them.
    """
    takers = sum(not isinstance(command, Cancel) for command in commands)
    most = Counter[int | None]()
    for each in bookings.values():
        most[each.allowance_id] += each.credits_used or each.status is BookingStatus.DRAFT
    given_up = [bookings.get(command.booking_id) for command in commands if isinstance(command, Change | Cancel)]
    was_draft = [each for each in given_up if each and each.booking_type is BookingType.PACKAGE_SESSION]
    return 2 * takers + sum(most[each.allowance_id] for each in was_draft)


def _wanted(command: Command, bookings: Mapping[int, Standing]) -> int | None:
    """Return the session that somebody is to be put into."""
    if isinstance(command, Book):
        return command.session_id
    if isinstance(command, Cancel):
        return None
    standing = bookings.get(command.booking_id)
    return command.session_id or (standing.session_id if standing else None)


def read_students(session: Transaction, ids: Iterable[int], *, lock: str = "") -> dict[int, Student]:
    """Read students without what they hold; locked if `lock` says how."""
    return {
        row["id"]: Student(
            row["id"],
            row["organization_id"],
            row["external_id"],
            ZoneInfo(row["timezone"]),
            timedelta(minutes=row["cancellation_window_minutes"]),
            row["event_sequence"],
        )
        for row in fetch(session, STUDENTS.format(lock=lock), ids=list(ids))
    }


def read_sessions(session: Transaction, ids: Iterable[int | None], *, lock: str = "") -> dict[int, Session]:
    """Read sessions with who is in them; locked, if `lock` says how, before they are counted."""
    wanted = list(ids)
    if not wanted:
        return {}
    sessions = {row["id"]: _session(row) for row in fetch(session, SESSIONS.format(lock=lock), ids=wanted)}
    for row in fetch(session, TAKEN, ids=wanted):
        sessions[row["session_id"]].places.update(row["places"])
        sessions[row["session_id"]].held = dict(zip(row["bookings"], row["places"], strict=True))
        sessions[row["session_id"]].sat.update(row["seats"] or ())
    return sessions


def complete(
    session: Transaction,
    students: Mapping[int, Student],
    targets: Sequence[tuple[int, Session]],
    *,
    named: Sequence[int],
    at: datetime,
) -> None:
    """Give students what they hold, where they are while the sessions they want take place, and their days.

    Args:
        session: Its transaction has locked what is to be decided.
        students: Whom to complete.
        targets: Pairs of a student and a session that they want.
        named: Packages to read however long ago they ended.
        at: What ended long before this is not read.

    """
    values = {"students": list(students), "named": list(named), "since": at - STILL_TOLD}
    for row in fetch(session, PACKAGES, **values):
        students[row["student_id"]].packages[row["id"]] = _package(row)
    if targets:
        _add_spans(session, students, targets)
        _add_days(session, students, targets)


def _add_spans(session: Transaction, students: Mapping[int, Student], targets: Sequence[tuple[int, Session]]) -> None:
    first, last = min(each.start_at for _, each in targets), max(each.end_at for _, each in targets)
    for row in fetch(session, SPANS, students=list({student for student, _ in targets}), first=first, last=last):
        span = Span(row["id"], row["session_id"], row["start_at"], row["end_at"])
        students[row["student_id"]].spans[span.booking_id] = span


def _add_days(session: Transaction, students: Mapping[int, Student], targets: Sequence[tuple[int, Session]]) -> None:
    holding = {s.id for s in students.values() if any(p.all_access for p in s.packages.values())}
    days = [students[student].day(target.start_at) for student, target in targets if student in holding]
    if not days:
        return
    for row in fetch(session, DAYS, students=list(holding), first=min(days), last=max(days)):
        day = students[row["student_id"]].days.setdefault(row["usage_date"], {})
        day[row["booking_id"]] = row["slot"]


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


def _reserve(session: Transaction, count: int) -> list[int]:
    return [row["id"] for row in fetch(session, RESERVE, count=count)] if count else []


def _bookings(session: Transaction, ids: Sequence[int]) -> list[Standing]:
    rows: Rows = fetch(session, BOOKINGS, ids=list(ids)) if ids else []
    return [Standing.of(row) for row in {row["id"]: row for row in rows}.values()]


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        service=ServiceType(row["service_type"]),
        tier=row["tier"],
        is_scheduled=row["status"] == SessionStatus.SCHEDULED,
        is_workshop=row["is_workshop"],
        start_at=row["start_at"],
        end_at=row["end_at"],
        capacity=row["capacity"],
        seats=tuple(Seat(*seat) for seat in row["seats"] or ()),
    )


def _package(row: Mapping[str, Any]) -> Package:
    return Package(
        id=row["id"],
        order_id=row["order_id"],
        name=row["name"],
        status=_status(row),
        purchased_at=row["purchased_at"],
        days=row["validity_days"],
        begins_with_use=row["validity_starts"] == ValidityStart.FIRST_USE and not row["all_access_starts_at"],
        starts_at=row["starts_at"],
        expires_at=row["expires_at"],
        all_access=_pass(row),
        friend_until=row["friend_pass_expires_at"],
        lines=[_line(*line) for line in row["lines"] or ()],
        starts=row["starts"] or [],
    )


def _line(number: int, service: str, tier: int, unit: int, remaining: int, drafts: list[int] | None) -> Line:  # noqa: PLR0913, PLR0917 - as the statement lists them
    return Line(number, ServiceType(service), tier, unit, remaining, drafts or [])


def _status(row: Mapping[str, Any]) -> PackageStatus:
    """Return what the payment says of a package; its dates are judged by the session that it is to pay for."""
    if row["refunded"] or row["dispute_status"] == DisputeStatus.LOST:
        return PackageStatus.REVOKED
    return PackageStatus.SUSPENDED if row["dispute_status"] == DisputeStatus.OPEN else PackageStatus.ACTIVE


def _pass(row: Mapping[str, Any]) -> Pass | None:
    if row["all_access_starts_at"] is None:
        return None
    services = frozenset(row["all_access_services"])
    return Pass(row["all_access_starts_at"], row["all_access_expires_at"], services, row["all_access_daily_limit"])
