"""What a purchase receipt tells: what was paid, and what the student holds now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import ENROLLED, EnrollmentStatus, OrderStatus
from db.transaction import fetch
from domain.mail.letter import Letter, sender
from domain.mail.readable_time import last_day, start
from domain.money import written


@dataclass(frozen=True, slots=True)
class ReceiptPackage:
    """One package of the purchase; days are the organization's own."""

    name: str
    bundle_description: str
    last_day: str | None


@dataclass(frozen=True, slots=True)
class ReceiptCourse:
    """A course of the purchase: what it is, and what is booked and what is not by now, a sentence each."""

    name: str
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Letter):
    """A purchase receipt; `coupons` are the codes that made it what it is."""

    order_id: int
    paid: str
    coupons: Sequence[str]
    packages: Sequence[ReceiptPackage]
    courses: Sequence[ReceiptCourse]
    drafts: int


ORDER = """
SELECT n.message_id::text, n.order_id, g.name AS organization, g.email_sender, g.slug, g.timezone, s.name, s.email,
       o.paid, o.currency, o.status,
       (SELECT count(*) FROM bookings b WHERE b.order_id = o.id AND b.status = 'DRAFT') AS drafts
  FROM notifications n
  JOIN organizations g ON g.id = n.organization_id
  JOIN orders o ON o.id = n.order_id
  JOIN students s ON s.id = n.student_id
 WHERE n.id = %(id)s
"""
PACKAGES = """
SELECT k.name, k.bundle_description, k.expires_at, c.code AS coupon
  FROM student_packages k LEFT JOIN coupons c ON c.id = k.coupon_id
 WHERE k.order_id = %(order)s ORDER BY k.line, k.unit
"""

COURSES = """
SELECT k.name, e.status, c.name AS cohort,
       (SELECT jsonb_agg(jsonb_build_array(s.label, b.start_at) ORDER BY s.position)
          FROM student_course_step_progress g JOIN course_steps s ON s.id = g.course_step_id
          LEFT JOIN bookings b ON b.id = g.booking_id AND g.status = 'BOOKED'
         WHERE g.enrollment_id = e.id AND g.status IN ('UNBOOKED', 'CANCELLED', 'BOOKED')) AS steps
  FROM student_packages k JOIN student_course_enrollments e ON e.student_package_id = k.id
  LEFT JOIN course_cohorts c ON c.id = e.cohort_id
 WHERE k.order_id = %(order)s ORDER BY k.line, k.unit
"""
IN_REVIEW = "The studio looks at your enrollment first, and tells you when it is settled."


def read_receipt(session: Session, notification_id: int) -> Receipt | None:
    """Read what a receipt must say at the moment it leaves; None if all of it was refunded meanwhile."""
    (order,) = fetch(session, ORDER, id=notification_id)
    if order["status"] == OrderStatus.REFUNDED:
        return None
    packages = fetch(session, PACKAGES, order=order["order_id"])
    return Receipt(
        message_id=order["message_id"],
        organization=order["organization"],
        sender=sender(order["email_sender"], order["slug"]),
        name=order["name"],
        email=order["email"],
        subject=f"{order['organization']}: {', '.join(package['name'] for package in packages)}",
        order_id=order["order_id"],
        paid=written(order["paid"], order["currency"]),
        coupons=list(dict.fromkeys(row["coupon"] for row in packages if row["coupon"])),
        packages=[
            ReceiptPackage(row["name"], row["bundle_description"], _last_day(row["expires_at"], order["timezone"]))
            for row in packages
        ],
        courses=[
            ReceiptCourse(row["name"], [*_notes(row, order["timezone"])])
            for row in fetch(session, COURSES, order=order["order_id"])
        ],
        drafts=order["drafts"],
    )


def _notes(course: Mapping[str, Any], timezone: str) -> Iterator[str]:
    """Say where an enrollment stands when the receipt leaves."""
    if course["status"] not in ENROLLED:
        if course["status"] == EnrollmentStatus.NEEDS_REVIEW:
            yield IN_REVIEW
        return
    yield f"You are enrolled{', in ' + course['cohort'] if course['cohort'] else ''}."
    steps = [(label, datetime.fromisoformat(at) if at else None) for label, at in course["steps"] or ()]
    for label, start_at in steps:
        if start_at:
            yield f"{label} is booked: {start(start_at, timezone)}."
    if still := [label for label, start_at in steps if start_at is None]:
        yield f"Still to be booked: {', '.join(still)}."


def _last_day(expires_at: datetime | None, timezone: str) -> str | None:
    return last_day(expires_at, timezone) if expires_at else None
