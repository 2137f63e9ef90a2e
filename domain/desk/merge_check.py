"""What stands in the way of merging two students, each said so that a person can mend it first."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.errors import AllAccessUsedToday, AlreadyEnrolled, TimeConflict

CLASHES = """
SELECT b.id, other.id AS other FROM bookings b
  JOIN bookings other ON other.student_id = %(into)s AND other.place IS NOT NULL AND other.guest_of IS NULL
   AND other.start_at < b.end_at AND other.end_at > b.start_at
 WHERE b.student_id = %(source)s AND b.place IS NOT NULL AND b.guest_of IS NULL
 ORDER BY b.start_at, b.id LIMIT 10
"""

COHORTS = """
SELECT e.id, other.id AS other, c.name FROM student_course_enrollments e
  JOIN student_course_enrollments other ON other.cohort_id = e.cohort_id AND other.student_id = %(into)s
   AND other.place IS NOT NULL
  JOIN course_cohorts c ON c.id = e.cohort_id
 WHERE e.student_id = %(source)s AND e.place IS NOT NULL ORDER BY e.id LIMIT 1
"""

# Of the days on which both used a pass: who may use the fewest slots of a day goes first.
DAYS = """
SELECT u.id, u.usage_date, u.slot, k.all_access_daily_limit AS most
  FROM all_access_daily_usages u JOIN student_packages k ON k.id = u.student_package_id
 WHERE u.student_id IN (%(source)s, %(into)s) AND u.freed_at IS NULL AND u.usage_date IN (
         SELECT usage_date FROM all_access_daily_usages WHERE student_id = %(source)s AND freed_at IS NULL
         INTERSECT
         SELECT usage_date FROM all_access_daily_usages WHERE student_id = %(into)s AND freed_at IS NULL)
 ORDER BY u.usage_date, most, u.id
"""


def check_enrollments(session: Session, *, source: int, into: int) -> None:
    """Refuse two places of one student in the same cohort.

    Raises:
        AlreadyEnrolled: names the first of them.

    """
    for row in fetch(session, COHORTS, source=source, into=into):
        raise AlreadyEnrolled(
            f"Both have a place in {row['name']}, with the enrollments {row['id']} and {row['other']}: assign another"
            " cohort to one of them first, or refund it."
        )


def check_bookings(session: Session, *, source: int, into: int) -> None:
    """Refuse bookings of both at the same time, or of the same session.

    Raises:
        TimeConflict: names the first ten.

    """
    pairs = [f"{row['id']} and {row['other']}" for row in fetch(session, CLASHES, source=source, into=into)]
    if pairs:
        raise TimeConflict(
            f"Nobody is in two places at once, and these bookings would be: {'; '.join(pairs)}. Cancel one of each"
            " first; where both took place, they are two people."
        )


def plan_days(session: Session, *, source: int, into: int) -> dict[int, int]:
    """Return the slots of uses of All-Access, by id, on the days on which both used theirs.

    Raises:
        AllAccessUsedToday: on one of them they did more often than their passes allow one student.

    """
    days: defaultdict[object, Rows] = defaultdict(list)
    for row in fetch(session, DAYS, source=source, into=into):
        days[row["usage_date"]].append(row)
    slots = {}
    for day, uses in days.items():
        for slot, use in enumerate(uses, start=1):
            if slot > use["most"]:
                raise AllAccessUsedToday(
                    f"Both used an All-Access on {day}, together more often than it allows one student: cancel or"
                    " change one of those bookings first."
                )
            slots[use["id"]] = slot
    return slots
