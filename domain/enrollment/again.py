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
    return [again for row in rows if (again := _again(row, told.get(row["order_id"]), takers.get(row["order_id"])))]


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
