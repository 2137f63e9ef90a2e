"""A cohort that is told after its purchase was fulfilled: what an enrollment is depends on the set of facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.bulk import update
from db.models import StudentCourseEnrollment
from db.transaction import fetch
from domain.booking.outgoing import Row
from domain.enrollment.assign import ASSIGNED
from domain.enrollment.enroll import Bought, Settled, read_claims, read_plan, settle, start

WAITING = """
SELECT e.id, e.organization_id, e.student_id, e.student_package_id AS package_id, e.course_program_id AS program_id,
       k.order_id
  FROM student_course_enrollments e JOIN student_packages k ON k.id = e.student_package_id
 WHERE k.order_id = ANY(%(orders)s) AND e.cohort_id IS NULL AND e.status = 'ACTIVE' AND NOT e.details ? 'cohort'
 ORDER BY e.id
"""


def assign_late(transaction: Transaction, cohorts: Mapping[int, str], *, at: datetime) -> None:
    """Give enrollments the cohort that their purchase names after all, by order; their students are held."""
    rows = fetch(transaction, WAITING, orders=list(cohorts)) if cohorts else []
    if not rows:
        return
    late = {row.pop("id"): Bought(cohort=cohorts[row.pop("order_id")], is_revoked=False, **row) for row in rows}
    plan = read_plan(transaction, [(each.program_id, each.cohort) for each in late.values()], at=at)
    claims = read_claims(transaction, {each.student_id for each in late.values()}, without=list(late))
    settled = {number: settle(each, plan, claims, at=at) for number, each in late.items()}
    update(transaction, StudentCourseEnrollment, [_row(n, late[n], each) for n, each in settled.items()])
    start(transaction, list(late.values()), ASSIGNED, at=at)


def _row(enrollment_id: int, late: Bought, settled: Settled) -> Row:
    return {"id": enrollment_id} | settled.columns | {"details": {"cohort": late.cohort}}
