"""What must hold of courses, enrollments and steps, and of the bookings by which steps are taken."""

from __future__ import annotations

from domain.audit.bookings import IS_OVER
from domain.audit.invariant import Invariant

# A step's booking, and the step that is meant by it: of the enrollment that came with the package which pays.
STEP_OF = """
  FROM bookings b JOIN student_course_enrollments e ON e.student_package_id = b.student_package_id
  JOIN student_course_step_progress g ON g.enrollment_id = e.id AND g.course_step_id = b.course_step_id
"""
# As a step is by what its booking is.
FOLLOWS = """
CASE b.status WHEN 'CONFIRMED' THEN 'BOOKED' WHEN 'COMPLETED' THEN 'COMPLETED' WHEN 'CANCELLED' THEN NULL
              ELSE 'MISSED' END
"""

COURSES = (
    Invariant(
        "course.step_has_booking",
        "a booked step has exactly one active booking, of the same step and enrollment",
        f"""SELECT 'progress ' || g.id AS what FROM student_course_step_progress g
             JOIN student_course_enrollments e ON e.id = g.enrollment_id
            WHERE g.status = 'BOOKED' AND 1 <> (
                  SELECT count(*) FROM bookings b
                   WHERE b.student_package_id = e.student_package_id AND b.course_step_id = g.course_step_id
                     AND b.place IS NOT NULL AND (b.student_id = e.student_id OR {IS_OVER})
                     AND b.id = g.booking_id)""",  # noqa: S608 - our own text
    ),
    Invariant(
        "course.booking_has_step",
        "a booking of a step is its step's, which is what the booking is; one that was opened again is nobody's",
        f"""SELECT 'booking ' || b.id AS what FROM bookings b
             WHERE b.course_step_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM student_course_enrollments e
                                 JOIN student_course_step_progress g ON g.enrollment_id = e.id
                                WHERE e.student_package_id = b.student_package_id
                                  AND g.course_step_id = b.course_step_id
                                  AND (e.student_id = b.student_id OR {IS_OVER}))
            UNION ALL
            SELECT 'booking ' || b.id {STEP_OF}
             WHERE CASE WHEN b.status = 'CANCELLED' OR b.metadata ? 'reopenedAt' THEN g.booking_id = b.id
                        ELSE g.booking_id IS DISTINCT FROM b.id OR g.status <> {FOLLOWS} END""",  # noqa: S608 - our own text
    ),
    Invariant(
        "course.session_serves_step",
        "a step is taken in a session of a class that serves it, or did",
        """SELECT 'booking ' || b.id AS what FROM bookings b JOIN class_sessions c ON c.id = b.session_id
            WHERE b.course_step_id IS NOT NULL
              AND NOT EXISTS (SELECT FROM course_step_options x WHERE x.course_step_id = b.course_step_id
                                 AND x.group_class_id = c.group_class_id)
           UNION ALL
           SELECT 'progress ' || g.id FROM student_course_step_progress g
             JOIN course_step_options x ON x.id = g.course_step_option_id WHERE x.course_step_id <> g.course_step_id
           UNION ALL
           SELECT 'cohort ' || m.cohort_id FROM course_cohort_sessions m
             JOIN course_step_options x ON x.id = m.course_step_option_id
             JOIN class_sessions c ON c.id = m.session_id
             JOIN course_steps s ON s.id = x.course_step_id JOIN course_cohorts k ON k.id = m.cohort_id
            WHERE c.group_class_id <> x.group_class_id OR s.course_program_id <> k.course_program_id""",
    ),
    Invariant(
        "course.entitlement",
        "a course has as many credits left as its student has steps open",
        """SELECT 'enrollment ' || e.id AS what FROM student_course_enrollments e
             LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE g.status IN ('UNBOOKED', 'CANCELLED')) AS n
                                  FROM student_course_step_progress g WHERE g.enrollment_id = e.id) steps ON true
             LEFT JOIN LATERAL (
                  SELECT a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u
                                                WHERE u.allowance_id = a.id), 0) AS n
                    FROM student_package_allowances a
                   WHERE a.student_package_id = e.student_package_id AND a.service_type = 'COURSE') credits ON true
            WHERE steps.n <> coalesce(credits.n, 0)""",
    ),
    Invariant(
        "enrollment.of_its_course",
        "each package of a course is one enrollment of its holder, with steps of that course, and a cohort of it",
        """SELECT 'package ' || k.id AS what FROM student_packages k
             JOIN course_programs c ON c.product_id = k.product_id
             LEFT JOIN student_course_enrollments e ON e.student_package_id = k.id
            WHERE e.id IS NULL OR e.course_program_id <> c.id OR e.student_id <> k.student_id
           UNION ALL
           SELECT 'progress ' || g.id FROM student_course_step_progress g
             JOIN student_course_enrollments e ON e.id = g.enrollment_id JOIN course_steps s ON s.id = g.course_step_id
            WHERE s.course_program_id <> e.course_program_id
           UNION ALL
           SELECT 'course ' || c.id FROM course_programs c JOIN products p ON p.id = c.product_id
            WHERE p.product_type <> 'COURSE'""",
    ),
    Invariant(
        "enrollment.completed",
        "who has completed all required steps has completed the course, and nobody else; of none required, all",
        """SELECT 'enrollment ' || e.id AS what FROM student_course_enrollments e
             JOIN LATERAL (SELECT count(*) AS n,
                                  count(*) FILTER (WHERE g.is_required) AS required,
                                  count(*) FILTER (WHERE g.status = 'COMPLETED') AS done,
                                  count(*) FILTER (WHERE g.is_required AND g.status = 'COMPLETED') AS done_required
                             FROM student_course_step_progress g
                            WHERE g.enrollment_id = e.id) steps ON true
            WHERE e.status IN ('ACTIVE', 'COMPLETED')
              AND (e.status = 'COMPLETED') <>
                  (steps.n > 0 AND CASE WHEN steps.required > 0 THEN steps.done_required = steps.required
                                        ELSE steps.done = steps.n END)""",
    ),
    Invariant(
        "cohort.never_oversold",
        "no cohort has more enrollments than places",
        """SELECT 'cohort ' || c.id AS what
             FROM course_cohorts c JOIN student_course_enrollments e ON e.cohort_id = c.id
            WHERE e.status IN ('ACTIVE', 'COMPLETED')
            GROUP BY c.id, c.capacity
           HAVING count(*) > c.capacity OR count(*) <> count(DISTINCT e.place)
               OR count(*) <> count(DISTINCT e.student_id)""",
    ),
    Invariant(
        "course.steps_in_order",
        "the steps of a course count from 1, without a gap",
        """SELECT 'course ' || course_program_id AS what FROM course_steps WHERE deleted_at IS NULL
            GROUP BY course_program_id HAVING max(position) <> count(*) OR min(position) <> 1""",
    ),
    Invariant(
        "outbox.enrollment",
        "an enrollment was told of",
        """SELECT 'enrollment ' || e.id AS what FROM student_course_enrollments e
            WHERE NOT EXISTS (SELECT FROM domain_events v WHERE v.subject = 'enrollment/' || e.id
                                 AND v.type = 'enrollment.created')""",
    ),
)
