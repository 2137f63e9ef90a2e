"""How each invariant of courses is broken by hand, and which constraints must be away for that."""

from __future__ import annotations

from collections.abc import Sequence

BREAKS_OF_COURSES: dict[str, Sequence[str]] = {
    "course.step_has_booking": [
        (
            "UPDATE bookings SET status = 'CANCELLED', place = NULL, session_capacity = NULL"
            " WHERE course_step_id IS NOT NULL"
        )
    ],
    "course.booking_has_step": [
        "UPDATE student_course_step_progress SET status = 'UNBOOKED', booking_id = NULL WHERE status = 'BOOKED'"
    ],
    "course.session_serves_step": [
        (
            "UPDATE course_step_options SET group_class_id = (SELECT id FROM group_classes WHERE code = 'CONVERSATION')"
            " WHERE id IN (SELECT course_step_option_id FROM student_course_step_progress WHERE status = 'BOOKED')"
        )
    ],
    "course.entitlement": ["DELETE FROM package_uses WHERE booking_id IS NOT NULL"],
    "enrollment.of_its_course": [
        "ALTER TABLE student_course_enrollments DROP CONSTRAINT fk_student_course_enrollments_student_id",
        "UPDATE student_course_enrollments SET student_id = student_id + 1000",
    ],
    "enrollment.completed": ["UPDATE student_course_enrollments SET status = 'COMPLETED', completed_at = created_at"],
    "cohort.never_oversold": [
        "ALTER TABLE student_course_enrollments DROP CONSTRAINT fk_student_course_enrollments_cohort_capacity",
        "UPDATE course_cohorts SET capacity = 1",
    ],
    "course.steps_in_order": ["UPDATE course_steps SET position = 9 WHERE label = 'SFZ-2'"],
    "outbox.enrollment": ["UPDATE domain_events SET type = 'enrollment.made' WHERE type = 'enrollment.created'"],
}
# Other ways to break the same.
ALSO: Sequence[tuple[str, str]] = (
    (
        "course.step_has_booking",
        "UPDATE bookings SET course_step_id = (SELECT max(id) - 1 FROM course_steps) WHERE course_step_id IS NOT NULL",
    ),
    ("course.booking_has_step", "UPDATE student_course_step_progress SET status = 'COMPLETED' WHERE status = 'BOOKED'"),
    (
        "course.booking_has_step",
        "UPDATE bookings SET course_step_id = (SELECT min(id) FROM course_steps) WHERE course_step_id IS NOT NULL",
    ),
    ("course.entitlement", "UPDATE student_course_step_progress SET status = 'MISSED' WHERE status = 'UNBOOKED'"),
    ("ledger.pays_bookings", "UPDATE bookings SET credits_used = 2 WHERE course_step_id IS NOT NULL"),
    (
        "ledger.pays_bookings",
        'UPDATE bookings SET metadata = metadata || \'{"reopenedAt": "now"}\' WHERE course_step_id IS NOT NULL',
    ),
    ("booking.within_validity", "UPDATE student_packages SET expires_at = starts_at + interval '1 hour'"),
)
