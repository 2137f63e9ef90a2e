"""Students as a batch meets them: locked, then with what they hold, where they are, and their days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session as Transaction

from db.models import GrantStatus, ServiceType, ValidityStart
from db.transaction import fetch
from domain.booking.state import Busy, Line, Package, Pass, Session, Span, Student
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.enrollment import Enrollment
from domain.holding.package import OF_GRANT, PackageStatus

# A student, and what they want to be in.
Target = tuple[int, Session | Busy]

# A package that ended this long ago is not told as the reason why nothing pays.
STILL_TOLD = timedelta(days=90)

STUDENTS = """
SELECT s.id, s.organization_id, s.external_id, s.event_sequence, o.timezone, o.cancellation_window_minutes,
       o.waitlist_cutoff_minutes
  FROM students s JOIN organizations o ON o.id = s.organization_id
 WHERE s.id = ANY(%(ids)s) ORDER BY s.id {lock}
"""

# In the order in which they pay. What a draft waits for is a credit of its line.
PACKAGES = """
SELECT k.id, k.student_id, k.order_id, k.name, k.purchased_at, k.validity_days, k.validity_starts,
       k.starts_at, k.expires_at, k.all_access_starts_at, k.all_access_expires_at, k.all_access_services,
       k.all_access_daily_limit, k.friend_pass_expires_at, k.extended_until, p.grant_status,
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


def read_students(session: Transaction, ids: Iterable[int], *, lock: str = "") -> dict[int, Student]:
    """Read students without what they hold; locked if `lock` says how."""
    return {
        row["id"]: Student(
            row["id"],
            row["organization_id"],
            row["external_id"],
            ZoneInfo(row["timezone"]),
            timedelta(minutes=row["cancellation_window_minutes"]),
            timedelta(minutes=row["waitlist_cutoff_minutes"]),
            row["event_sequence"],
        )
        for row in fetch(session, STUDENTS.format(lock=lock), ids=list(ids))
    }


def complete(  # noqa: PLR0913 - what is known by then
    session: Transaction,
    students: Mapping[int, Student],
    targets: Sequence[Target],
    *,
    named: Sequence[int],
    enrollments: Mapping[int, Enrollment] | None = None,
    at: datetime,
) -> None:
    """Give students what they hold, where they are while the sessions they want take place, and their days.

    Args:
        session: Its transaction has locked what is to be decided.
        students: Whom to complete.
        targets: Pairs of a student and a session that they want, or the times of one.
        named: Packages to read however long ago they ended.
        enrollments: Those of the students by their packages; unless given, read where a session serves a course.
        at: What ended long before this is not read.

    """
    values = {"students": list(students), "named": list(named), "since": at - STILL_TOLD}
    for row in fetch(session, PACKAGES, **values):
        students[row["student_id"]].packages[row["id"]] = _package(row)
    if enrollments is None:
        serving = {student for student, wanted in targets if isinstance(wanted, Session) and wanted.courses}
        enrollments = read_enrollments(session, serving, at=at) if serving else {}
    _add_enrollments(students, enrollments)
    if targets:
        _add_spans(session, students, targets)
        _add_days(session, students, targets)


def _add_enrollments(students: Mapping[int, Student], enrollments: Mapping[int, Enrollment]) -> None:
    for enrollment in enrollments.values():
        student = students.get(enrollment.student_id)
        if student and enrollment.package_id in student.packages:
            student.packages[enrollment.package_id].enrollment = enrollment


def _add_spans(session: Transaction, students: Mapping[int, Student], targets: Sequence[Target]) -> None:
    first, last = min(each.start_at for _, each in targets), max(each.end_at for _, each in targets)
    for row in fetch(session, SPANS, students=list({student for student, _ in targets}), first=first, last=last):
        span = Span(row["id"], row["session_id"], row["start_at"], row["end_at"])
        students[row["student_id"]].spans[span.booking_id] = span


def _add_days(session: Transaction, students: Mapping[int, Student], targets: Sequence[Target]) -> None:
    holding = {s.id for s in students.values() if any(p.all_access for p in s.packages.values())}
    days = [students[student].day(target.start_at) for student, target in targets if student in holding]
    if not days:
        return
    for row in fetch(session, DAYS, students=list(holding), first=min(days), last=max(days)):
        day = students[row["student_id"]].days.setdefault(row["usage_date"], {})
        day[row["booking_id"]] = row["slot"]


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
        extended_until=row["extended_until"],
    )


def _line(number: int, service: str, tier: int, unit: int, remaining: int, drafts: list[int] | None) -> Line:  # noqa: PLR0913, PLR0917 - as the statement lists them
    return Line(number, ServiceType(service), tier, unit, remaining, drafts or [])


def _status(row: Mapping[str, Any]) -> PackageStatus:
    """Return what the payment says of a package; its dates are judged by the session that it is to pay for."""
    return OF_GRANT[row["grant_status"] or GrantStatus.VALID]


def _pass(row: Mapping[str, Any]) -> Pass | None:
    if row["all_access_starts_at"] is None:
        return None
    services = frozenset(row["all_access_services"])
    return Pass(row["all_access_starts_at"], row["all_access_expires_at"], services, row["all_access_daily_limit"])
