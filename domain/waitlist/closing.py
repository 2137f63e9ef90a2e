"""Lines that are over: too close to the start, or beyond what their student wanted (PRODUCT.md §4.7)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import WaitlistStatus
from db.transaction import Rows, fetch
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.shape import written
from domain.booking.students import read_students
from domain.waitlist.line import CUT_OFF, UNTIL

CLOSED = "waitlist.closed"
# So many are closed in one transaction.
MOST = 500

OVER = """
SELECT w.id, w.student_id, w.session_id, c.start_at,
       c.start_at - make_interval(mins => o.waitlist_cutoff_minutes::int) <= %(at)s AS is_cut_off
  FROM waitlist_entries w
  JOIN class_sessions c ON c.id = w.session_id
  JOIN organizations o ON o.id = w.organization_id
 WHERE w.status IN ('WAITING', 'SKIPPED') AND w.student_id = ANY(coalesce(%(students)s::bigint[], ARRAY[w.student_id]))
   AND (c.start_at - make_interval(mins => o.waitlist_cutoff_minutes::int) <= %(at)s OR w.auto_book_until <= %(at)s)
 ORDER BY w.id LIMIT %(most)s
"""


def close_lines(session: Transaction, *, at: datetime) -> int:
    """Close some of the places in line that can bring no place any more; return how many.

    A promotion that goes on meanwhile holds its students: what it does is seen, and not undone.
    """
    found = _over(session, None, at)
    students = read_students(session, {row["student_id"] for row in found}, lock="FOR NO KEY UPDATE OF s")
    over = _over(session, list(students), at) if students else []
    outgoing = Outgoing()
    for row in over:
        reason = CUT_OFF if row["is_cut_off"] else UNTIL
        said = {"status": WaitlistStatus.CLOSED.value, "booking_id": None, "reason": reason, "ended_at": at}
        outgoing.entries[row["id"]] = {"id": row["id"]} | said
        student = students[row["student_id"]]
        told = {"waitlistEntryId": row["id"], "sessionId": row["session_id"], "studentId": student.external_id}
        told |= {"status": WaitlistStatus.CLOSED.value, "startAt": written(row["start_at"]), "reason": reason}
        outgoing.publish(student, CLOSED, f"waitlist/{row['id']}", told, at=at)
    write(session, outgoing, at=at)
    return len(over)


def _over(session: Transaction, students: list[int] | None, at: datetime) -> Rows:
    return fetch(session, OVER, students=students, at=at, most=MOST)
