"""How many rows an organization has of each kind: to compare what was before an import with what is behind it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from db.transaction import fetch

COUNTS = """
SELECT 'students' AS name, count(*) AS n FROM students WHERE organization_id = %(organization)s
UNION ALL SELECT 'orders', count(*) FROM orders WHERE organization_id = %(organization)s
UNION ALL SELECT 'packages', count(*) FROM student_packages WHERE organization_id = %(organization)s
UNION ALL SELECT 'allowances', count(*) FROM student_package_allowances WHERE organization_id = %(organization)s
UNION ALL SELECT 'ledger lines', count(*) FROM package_uses WHERE organization_id = %(organization)s
UNION ALL SELECT 'bookings ' || x.status, (SELECT count(*) FROM bookings b
                                            WHERE b.organization_id = %(organization)s AND b.status = x.status)
            FROM unnest('{DRAFT,CONFIRMED,COMPLETED,NO_SHOW,CANCELLED,FORFEITED}'::text[]) AS x (status)
UNION ALL SELECT 'enrollments', count(*) FROM student_course_enrollments WHERE organization_id = %(organization)s
UNION ALL SELECT 'progress', count(*) FROM student_course_step_progress WHERE organization_id = %(organization)s
UNION ALL SELECT 'legacy records', count(*) FROM legacy_records WHERE organization_id = %(organization)s
"""


def counts(session: Session, organization_id: int) -> dict[str, int]:
    """Return how many rows there are, in one statement and always in the same order."""
    return {row["name"]: row["n"] for row in fetch(session, COUNTS, organization=organization_id)}
