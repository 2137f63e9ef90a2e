"""Enrollments that are settled anew, because a later fact says otherwise: another student, a cohort, money that went.

Whatever order Stripe's facts came in, an enrollment ends as the set of them says; but what staff have decided stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Transaction

from db.models import EnrollmentStatus
from db.transaction import fetch
from domain.enrollment.assign import ASSIGNED_BY
from domain.enrollment.enroll import Again, Bought

STANDING = """
SELECT e.id, e.organization_id, e.student_id, e.student_package_id AS package_id, e.course_program_id AS program_id,
       e.status, e.cohort_id, e.place, e.details, e.created_at, k.order_id
  FROM student_course_enrollments e JOIN student_packages k ON k.id = e.student_package_id
 WHERE k.order_id = ANY(%(orders)s) ORDER BY e.id
"""
# Second purchases of a course that wait for staff, whose first one went back just now.
SECONDS = """
SELECT e.id, e.organization_id, e.student_id, e.student_package_id AS package_id, e.course_program_id AS program_id,
       e.status, e.cohort_id, e.place, e.details, e.created_at, k.order_id
  FROM student_course_enrollments e JOIN student_packages k ON k.id = e.student_package_id
 WHERE e.status = 'NEEDS_REVIEW' AND e.review_reason = 'SECOND_PURCHASE' AND k.order_id <> ALL(%(orders)s)
   AND EXISTS (SELECT FROM student_course_enrollments first JOIN student_packages x ON x.id = first.student_package_id
                WHERE x.order_id = ANY(%(orders)s) AND first.student_id = e.student_id
                  AND first.course_program_id = e.course_program_id)
 ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a purchase, which was granted before, says by now: for which cohort, and whether its money went back."""

    cohort: str | None
    is_revoked: bool
    paid_at: datetime


def to_settle(transaction: Transaction, told: Mapping[int, Heard], takers: Mapping[int, int]) -> list[Again]:
    """Return the enrollments that are to be settled anew, of what was told of orders and of those with new owners."""
    orders = list({*told, *takers})
    rows = fetch(transaction, STANDING, orders=orders) if orders else []
    again = [each for row in rows if (each := _again(row, told.get(row["order_id"]), takers.get(row["order_id"])))]
    gone = list({row["order_id"] for row in rows if _goes(row, told.get(row["order_id"]))})
    return again + [_second(row) for row in (fetch(transaction, SECONDS, orders=gone) if gone else ())]


def _goes(row: Mapping[str, Any], told: Heard | None) -> bool:
    """Say whether an enrollment's money went back just now: what is told of one that is revoked frees nothing."""
    return told is not None and told.is_revoked and row["status"] != EnrollmentStatus.REVOKED


def _second(row: Mapping[str, Any]) -> Again:
    """Return a second purchase that may be the only one by now."""
    details, owner = row["details"], (row["organization_id"], row["student_id"], row["package_id"], row["program_id"])
    bought = Bought(*owner, details.get("cohort"), is_revoked=False, paid_at=row["created_at"])
    return Again(row["id"], bought, EnrollmentStatus(row["status"]), row["cohort_id"], row["place"], details)


def _again(row: Mapping[str, Any], told: Heard | None, taker: int | None) -> Again | None:
    status, details = EnrollmentStatus(row["status"]), row["details"]
    is_revoked = told.is_revoked if told else status is EnrollmentStatus.REVOKED
    cohort = details.get("cohort") or (told.cohort if told else None)
    is_news = (taker is not None and taker != row["student_id"]) or (cohort is not None and "cohort" not in details)
    is_open = status is not EnrollmentStatus.COMPLETED and ASSIGNED_BY not in details
    turned = is_revoked != (status is EnrollmentStatus.REVOKED)
    if not turned and not (is_news and is_open):
        return None
    # One that staff chose, or that it had before its money went, counts before the one that was asked for.
    meant = str(row["cohort_id"]) if row["cohort_id"] else cohort
    owner = (row["organization_id"], taker or row["student_id"], row["package_id"], row["program_id"])
    bought = Bought(*owner, meant, is_revoked, told.paid_at if told else row["created_at"])
    return Again(row["id"], bought, status, row["cohort_id"], row["place"], details)
