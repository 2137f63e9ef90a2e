"""What races about courses have in common: many who are enrolled, and what they ask for at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.races.bookings import Asked
from tests.school import School
from worker.inbox import Inbox, drain_batch

PACKAGES = """
SELECT s.external_id AS name, e.student_package_id AS package FROM student_course_enrollments e
  JOIN students s ON s.id = e.student_id WHERE s.external_id = ANY(%(names)s)
"""
PLACES = """
SELECT place FROM student_course_enrollments WHERE cohort_id = %(cohort)s AND place IS NOT NULL ORDER BY place
"""
STATUSES = """
SELECT coalesce(e.review_reason, e.status) AS said, count(*)::int AS n FROM student_course_enrollments e
  JOIN students s ON s.id = e.student_id WHERE s.external_id = ANY(%(names)s) GROUP BY 1
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def enrolled(school: School, names: Sequence[str], cohort: object = None) -> dict[str, int]:
    """Have students buy the course, all at once; return their packages."""
    school.timetable.studio.deliver(*(school.purchase(name, cohort) for name in names))
    return packages(school, names)


def packages(school: School, names: Sequence[str]) -> dict[str, int]:
    rows = school.timetable.studio.rows(PACKAGES, names=list(names))
    found = {row["name"]: int(row["package"]) for row in rows}
    return {name: found[name] for name in names}


def called(prefix: str, number: int) -> list[str]:
    return [f"{prefix}-{each}" for each in range(number)]


def ask_all(school: School, kind: str, held: Sequence[tuple[str, int]], **said: Any) -> list[int]:
    """Store the same command for many who are enrolled; return their jobs."""
    asked: list[Asked] = [(name, {"packageId": package} | said) for name, package in held]
    return school.timetable.ask_all(kind, asked, org="thrive")


def places(school: School, cohort: int) -> list[int]:
    return [int(row["place"]) for row in school.timetable.studio.rows(PLACES, cohort=cohort)]


def statuses(school: School, names: Sequence[str]) -> dict[str, int]:
    """Return how many of some students' enrollments stand how, or wait for staff for which reason."""
    return {row["said"]: row["n"] for row in school.timetable.studio.rows(STATUSES, names=list(names))}


def drain(school: School, inbox: Inbox) -> None:
    """Do what is there: as one of several workers."""
    while drain_batch(inbox, school.timetable.engine):
        pass


def deadlocks(school: School) -> int:
    """How many the server has counted in this database."""
    school.timetable.studio.rows("SELECT pg_stat_clear_snapshot()")
    return int(school.timetable.studio.one(DEADLOCKS)["deadlocks"])
