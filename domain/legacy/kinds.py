"""The kinds of `legacy_records`, each with the table whose rows it names."""

from __future__ import annotations

STUDENT, PACKAGE, ORDER = "student", "package", "order"
BOOKING, CREDIT = "booking", "credit"
ENROLLMENT, STEP = "enrollment", "course_progress"
TABLES = {
    STUDENT: "students",
    PACKAGE: "student_packages",
    ORDER: "orders",
    BOOKING: "bookings",
    CREDIT: "student_package_allowances",
    ENROLLMENT: "student_course_enrollments",
    STEP: "student_course_step_progress",
}

# Who stands behind what was taken over, as in a job's caller; and why its first balance is not the whole.
ACTOR = "import legacy"
USED_BEFORE = "used before the move"
