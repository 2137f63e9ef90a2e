"""Read the enrollments of students, who are held by then, with what serves each of their steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Transaction

from db.models import EnrollmentStatus, ReviewReason, StepStatus
from db.transaction import fetch
from domain.booking.standing import Standing
from domain.enrollment.enrollment import Cohort, Enrollment, Option, Step

ENROLLMENTS = """
SELECT e.id, e.student_package_id AS package_id, e.student_id, e.course_program_id AS program_id, p.code,
       p.name AS title, e.cohort_id, e.cohort_capacity, e.place, e.status, e.review_reason, e.details, e.completed_at
  FROM student_course_enrollments e
  JOIN course_programs c ON c.id = e.course_program_id JOIN products p ON p.id = c.product_id
 WHERE e.student_id = ANY(%(students)s) ORDER BY e.id
"""
# A session of the cohort counts as long as somebody can still come to it.
STEPS = """
SELECT g.enrollment_id, g.id, g.course_step_id AS step_id, s.label, s.title, s.position AS "order", g.is_required,
       g.status, g.course_step_option_id AS option_id, g.booking_id, g.skipped, g.booked_at, g.completed_at,
       g.missed_at, g.cancelled_at,
       (SELECT jsonb_agg(jsonb_build_array(x.id, x.group_class_id, c.id) ORDER BY x.id)
          FROM course_step_options x
          LEFT JOIN course_cohort_sessions m ON m.course_step_option_id = x.id AND m.cohort_id = e.cohort_id
          LEFT JOIN class_sessions c ON c.id = m.session_id AND c.status = 'SCHEDULED' AND c.start_at > %(at)s
         WHERE x.course_step_id = s.id AND x.active AND x.deleted_at IS NULL) AS options
  FROM student_course_step_progress g JOIN course_steps s ON s.id = g.course_step_id
  JOIN student_course_enrollments e ON e.id = g.enrollment_id
 WHERE g.enrollment_id = ANY(%(ids)s) ORDER BY s.position, s.id
"""

COHORTS = """
SELECT id, course_program_id AS program_id, code, name, capacity, enrollment_deadline FROM course_cohorts
 WHERE id = ANY(%(ids)s) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""
PLACES = """
SELECT cohort_id, array_agg(place) AS places FROM student_course_enrollments
 WHERE cohort_id = ANY(%(ids)s) AND place IS NOT NULL GROUP BY cohort_id
"""
SESSIONS = """
SELECT m.cohort_id, m.course_step_option_id AS option_id, m.session_id
  FROM course_cohort_sessions m JOIN class_sessions c ON c.id = m.session_id
 WHERE m.cohort_id = ANY(%(ids)s) AND c.status = 'SCHEDULED' AND c.start_at > %(at)s
"""


def read_enrollments(transaction: Transaction, students: Collection[int], *, at: datetime) -> dict[int, Enrollment]:
    """Return all enrollments of students, by the package that each came with."""
    rows = fetch(transaction, ENROLLMENTS, students=list(students))
    found = {row["id"]: _enrollment(row) for row in rows}
    for row in fetch(transaction, STEPS, ids=list(found), at=at) if found else ():
        enrollment = found[row.pop("enrollment_id")]
        enrollment.steps[row["step_id"]] = _step(row)
    return {each.package_id: each for each in found.values()}


def enrollments_of(
    transaction: Transaction, bookings: Iterable[Standing], *, at: datetime
) -> dict[int, Enrollment] | None:
    """Return the enrollments of those whose bookings are of a course's step; None where none of them is."""
    students = {each.student_id for each in bookings if each.course_step_id is not None}
    return read_enrollments(transaction, students, at=at) if students else None


def read_cohorts(transaction: Transaction, ids: Collection[int], *, at: datetime) -> dict[int, Cohort]:
    """Lock cohorts in the order of their ids, then read who is in them and which of their sessions are ahead."""
    if not ids:
        return {}
    cohorts = {row["id"]: Cohort(**row) for row in fetch(transaction, COHORTS, ids=list(ids))}
    for row in fetch(transaction, PLACES, ids=list(cohorts)):
        cohorts[row["cohort_id"]].places = set(row["places"])
    for row in fetch(transaction, SESSIONS, ids=list(cohorts), at=at):
        cohorts[row["cohort_id"]].sessions[row["option_id"]] = row["session_id"]
    return cohorts


def _enrollment(row: dict[str, Any]) -> Enrollment:
    reason = ReviewReason(row["review_reason"]) if row["review_reason"] else None
    return Enrollment(**row | {"status": EnrollmentStatus(row["status"]), "review_reason": reason})


def _step(row: dict[str, Any]) -> Step:
    options = tuple(Option(*each) for each in row["options"] or ())
    return Step(**row | {"status": StepStatus(row["status"]), "options": options})
