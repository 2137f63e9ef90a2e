"""The kinds of `legacy_records`, each with the table whose rows it names."""

from __future__ import annotations

from hashlib import sha256

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

# What an old student is known by who was erased: before the hash of their old name, so that nobody is taken over again.
UNNAMED = "sha256:"

# Who stands behind what was taken over, as in a job's caller; and why its first balance is not the whole.
ACTOR = "import legacy"
USED_BEFORE = "used before the move"


def unnamed(legacy_id: str) -> str:
    """Return what an old record of somebody is known by once they were erased."""
    return UNNAMED + sha256(legacy_id.encode()).hexdigest()
