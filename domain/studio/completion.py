"""Sessions that are over for some hours: whoever was not marked by then counts as having come (PRODUCT.md §4.9)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.booking.facts import COLUMNS
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.standing import Standing
from domain.booking.students import read_students
from domain.studio.attendance import note, with_steps

# Of one transaction.
MOST = 200

# The end alone finds them by its index; the organization's own delay is added to it.
OVER = """
SELECT c.id FROM class_sessions c JOIN organizations o ON o.id = c.organization_id
 WHERE c.status = 'SCHEDULED' AND c.completed_at IS NULL AND c.end_at <= %(at)s
   AND c.end_at + make_interval(mins => o.completion_delay_minutes::int) <= %(at)s
 ORDER BY c.end_at, c.id LIMIT %(most)s
"""
STUDENTS = "SELECT DISTINCT student_id FROM bookings WHERE session_id = ANY(%(ids)s) AND status = 'CONFIRMED'"
# Those that nobody completed or called off meanwhile.
HOLD = """
SELECT id FROM class_sessions WHERE id = ANY(%(ids)s) AND status = 'SCHEDULED' AND completed_at IS NULL
 ORDER BY id FOR NO KEY UPDATE
"""
COMPLETE = f"""
UPDATE bookings b SET status = 'COMPLETED'
 WHERE b.session_id = ANY(%(ids)s) AND b.status = 'CONFIRMED' AND b.student_id = ANY(%(students)s)
RETURNING {COLUMNS}
"""  # noqa: S608 - our own names
# A session is complete when nobody is left in it.
MARK = """
UPDATE class_sessions c SET completed_at = %(at)s
 WHERE c.id = ANY(%(ids)s)
   AND NOT EXISTS (SELECT FROM bookings b WHERE b.session_id = c.id AND b.status = 'CONFIRMED')
RETURNING c.id
"""


def complete_sessions(session: Session, *, at: datetime) -> int:
    """Complete some of the sessions that ended as long ago as their organization says; return how many."""
    ids = [row["id"] for row in fetch(session, OVER, at=at, most=MOST)]
    if not ids:
        return 0
    students = {row["student_id"] for row in fetch(session, STUDENTS, ids=ids)}
    held = read_students(session, students, lock="FOR NO KEY UPDATE OF s")
    mine = [row["id"] for row in fetch(session, HOLD, ids=ids)]
    outgoing = Outgoing()
    rows = fetch(session, COMPLETE, ids=mine, students=list(held))
    with_steps(session, held, [Standing.of(row) for row in rows], at=at)
    for row in sorted(rows, key=lambda row: int(row["id"])):
        note(outgoing, held[row["student_id"]], row, at=at)
    write(session, outgoing, at=at)
    return len(fetch(session, MARK, ids=mine, at=at))
