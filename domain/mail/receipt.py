"""What a purchase receipt tells: what was paid, and what the student holds now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import ENROLLED, EnrollmentStatus, OrderStatus
from db.transaction import fetch
from domain.mail.course_words import STEPS, enrolled
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of

Row = Mapping[str, Any]

ORDER = """
SELECT n.message_id::text, n.order_id, g.name AS organization, g.email_sender, g.slug, g.timezone, g.language,
       s.name, s.email, o.paid, o.currency, o.status,
       (SELECT count(*) FROM bookings b WHERE b.order_id = o.id AND b.status = 'DRAFT') AS drafts
  FROM notifications n
  JOIN organizations g ON g.id = n.organization_id
  JOIN orders o ON o.id = n.order_id
  JOIN students s ON s.id = n.student_id
 WHERE n.id = %(id)s
"""
PACKAGES = """
SELECT k.id, k.name, k.bundle_description, k.expires_at, c.code AS coupon
  FROM student_packages k LEFT JOIN coupons c ON c.id = k.coupon_id
 WHERE k.order_id = %(order)s ORDER BY k.line, k.unit
"""
COURSES = f"""
SELECT k.id, e.status, c.name AS cohort, {STEPS} AS steps
  FROM student_packages k JOIN student_course_enrollments e ON e.student_package_id = k.id
  LEFT JOIN course_cohorts c ON c.id = e.cohort_id
 WHERE k.order_id = %(order)s
"""  # noqa: S608 - our own words


def read_receipt(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a receipt must say at the moment it leaves; None if all of it was refunded meanwhile."""
    (order,) = fetch(session, ORDER, id=notification_id)
    if order["status"] == OrderStatus.REFUNDED:
        return None
    packages, courses = (fetch(session, statement, order=order["order_id"]) for statement in (PACKAGES, COURSES))
    return receipt(order, packages, courses)


def receipt(order: Row, packages: Sequence[Row], courses: Sequence[Row]) -> Letter:
    """Return the receipt of rows of `ORDER`, `PACKAGES` and `COURSES`."""
    voice = voice_of(order)
    said = {row["id"]: tuple(_enrollment(row, voice)) for row in courses}
    return Letter(
        **envelope(order, voice, ", ".join(row["name"] for row in packages)),
        heading=voice.say("Thank you for your purchase"),
        cards=tuple(_package(row, said.get(row["id"], ()), voice) for row in packages),
        notes=tuple(_later(order["drafts"], voice)),
        facts=tuple(_facts(order, packages, voice)),
    )


def _package(row: Row, enrollment: tuple[str, ...], voice: Voice) -> Card:
    if row["expires_at"]:
        lasts = voice.say("Valid through {day}", day=voice.last_day(row["expires_at"]))
    else:
        lasts = voice.say("Its days begin with the first session that you book")
    return Card(row["name"], (row["bundle_description"], *enrollment), lasts)


def _enrollment(row: Row, voice: Voice) -> Iterator[str]:
    """Say where an enrollment stands when the receipt leaves."""
    if row["status"] in ENROLLED:
        yield from enrolled(row, voice)
    elif row["status"] == EnrollmentStatus.NEEDS_REVIEW:
        yield voice.say("The studio looks at your enrollment first, and tells you when it is settled.")


def _later(drafts: int, voice: Voice) -> Iterator[str]:
    if drafts:
        yield voice.plural(
            "{number} session can be scheduled whenever you like.",
            "{number} sessions can be scheduled whenever you like.",
            drafts,
        )


def _facts(order: Row, packages: Sequence[Row], voice: Voice) -> Iterator[str]:
    yield voice.say("Paid: {amount}", amount=voice.money(order["paid"], order["currency"]))
    if coupons := dict.fromkeys(row["coupon"] for row in packages if row["coupon"]):
        yield voice.say("Coupon: {codes}", codes=", ".join(coupons))
    yield voice.say("Order: {number}", number=order["order_id"])
