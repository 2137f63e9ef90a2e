"""Sessions as a batch meets them: locked, then counted; with who is in them, and who waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Transaction

from db.models import ServiceType, SessionStatus, WaitlistStatus
from db.transaction import fetch
from domain.booking.state import Seat, Session, Waiting

# The tier by a look of its own: of a row that was waited for, a join would be with what stood before the wait.
SESSIONS = """
SELECT c.id, c.organization_id, c.group_class_id, c.service_type, c.status, c.start_at, c.end_at, c.capacity,
       c.arranged, g.name, g.is_workshop,
       coalesce((SELECT t.tier FROM teachers t WHERE t.id = c.teacher_id), 0) AS tier,
       (SELECT jsonb_agg(jsonb_build_array(e.id, e.label, e.credit_cost) ORDER BY e.credit_cost, e.position)
          FROM seats e WHERE e.group_class_id = g.id AND e.active) AS seats,
       (SELECT jsonb_agg(DISTINCT jsonb_build_array(p.code, p.active AND coalesce(p.deleted_at, s.deleted_at) IS NULL))
          FROM course_step_options x JOIN course_steps s ON s.id = x.course_step_id
          JOIN course_programs k ON k.id = s.course_program_id JOIN products p ON p.id = k.product_id
         WHERE x.group_class_id = g.id AND x.active AND x.deleted_at IS NULL) AS courses
  FROM class_sessions c JOIN group_classes g ON g.id = c.group_class_id
 WHERE c.id = ANY(%(ids)s) ORDER BY c.id {lock}
"""

# Who is in a session, and who waits for it.
TAKEN = """
SELECT session_id, places, bookings, seats, line
  FROM (SELECT session_id, array_agg(place) AS places, array_agg(id) AS bookings,
               array_agg(seat_id) FILTER (WHERE seat_id IS NOT NULL) AS seats
          FROM bookings WHERE session_id = ANY(%(ids)s) AND place IS NOT NULL GROUP BY session_id) inside
  FULL JOIN
       (SELECT session_id,
               jsonb_agg(jsonb_build_array(id, student_id, status, joined_at, auto_book_until) ORDER BY id) AS line
          FROM waitlist_entries WHERE session_id = ANY(%(ids)s) AND status IN ('WAITING', 'SKIPPED')
         GROUP BY session_id) outside USING (session_id)
"""


def read_sessions(session: Transaction, ids: Iterable[int | None], *, lock: str = "") -> dict[int, Session]:
    """Read sessions with who is in them; locked, if `lock` says how, before they are counted."""
    wanted = list(ids)
    if not wanted:
        return {}
    sessions = {row["id"]: _session(row) for row in fetch(session, SESSIONS.format(lock=lock), ids=wanted)}
    for row in fetch(session, TAKEN, ids=wanted):
        found = sessions[row["session_id"]]
        found.places.update(row["places"] or ())
        found.held = dict(zip(row["bookings"] or (), row["places"] or (), strict=True))
        found.sat.update(row["seats"] or ())
        found.line = [_waiting(*each) for each in row["line"] or ()]
    return sessions


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        service=ServiceType(row["service_type"]),
        tier=row["tier"],
        is_scheduled=row["status"] == SessionStatus.SCHEDULED,
        is_workshop=row["is_workshop"],
        start_at=row["start_at"],
        end_at=row["end_at"],
        capacity=row["capacity"],
        seats=tuple(Seat(*seat) for seat in row["seats"] or ()),
        is_arranged=row["arranged"],
        class_id=row["group_class_id"],
        courses=tuple((code, is_on_sale) for code, is_on_sale in row["courses"] or ()),
    )


def _waiting(number: int, student: int, status: str, joined_at: str, until: str | None) -> Waiting:
    auto_book_until = datetime.fromisoformat(until) if until else None
    return Waiting(number, student, WaitlistStatus(status), datetime.fromisoformat(joined_at), auto_book_until)
