"""Every enrollment, place and step of a history compared with the model."""

from __future__ import annotations

from tests.domain.history.courses import Enrollment
from tests.domain.history.model import Model
from tests.studio import Studio

ENROLLMENTS = """
SELECT e.id, e.status, e.review_reason, e.cohort_id, e.place, e.details -> 'notBooked' AS not_booked,
  (SELECT jsonb_agg(jsonb_build_array(s.label, g.status, g.skipped, g.booking_id, g.course_step_option_id)
                    ORDER BY s.position) FROM student_course_step_progress g
     JOIN course_steps s ON s.id = g.course_step_id WHERE g.enrollment_id = e.id) AS steps
  FROM student_course_enrollments e WHERE e.id = ANY(%(ids)s)
"""
TAKEN = """
SELECT id, session_id, student_package_id AS package, course_step_id AS step FROM bookings
 WHERE course_step_id IS NOT NULL AND id <> ALL(%(known)s) ORDER BY id
"""


def compare_courses(studio: Studio, model: Model) -> None:
    known = {each.number: each for each in model.enrollments}
    for row in studio.rows(ENROLLMENTS, ids=list(known)):
        each = known[row["id"]]
        told = (row["status"], row["review_reason"], row["cohort_id"], row["place"])
        cohort = each.cohort.number if each.cohort else None
        assert told == (each.status, each.waits_for, cohort, each.place), (told, each.status, each)
        assert row["steps"] == _steps(each), each
        listed = [(said["courseStepId"], said["code"]) for said in row["not_booked"] or ()]
        assert listed == list(each.not_booked), each


def _steps(enrollment: Enrollment) -> list[list[object]]:
    return [
        [
            step.label,
            each.status,
            each.skipped,
            each.booking.number if each.booking and not each.is_open else None,
            each.option.number if each.option else None,
        ]
        for step, each in enrollment.progress.items()
    ]
