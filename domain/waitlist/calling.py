"""The call for those who wait: a job for each session in which a place came free."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import Job
from db.transaction import fetch
from domain.booking.outgoing import Row

PROMOTE = "waitlist.promote"

CALL = """
SELECT id, organization_id FROM class_sessions c
 WHERE id = ANY(%(ids)s) AND status = 'SCHEDULED'
   AND EXISTS (SELECT FROM waitlist_entries w WHERE w.session_id = c.id AND w.status IN ('WAITING', 'SKIPPED'))
 ORDER BY id
"""

# Sessions with a free place, and a seat where there are any, and somebody whose turn has not come, whom nobody calls.
UNCALLED = """
SELECT c.id FROM class_sessions c JOIN organizations o ON o.id = c.organization_id
 WHERE c.id IN (SELECT session_id FROM waitlist_entries WHERE status = 'WAITING') AND c.status = 'SCHEDULED'
   AND EXISTS (SELECT FROM waitlist_entries w WHERE w.session_id = c.id AND w.status = 'WAITING'
                  AND coalesce(w.auto_book_until, 'infinity') > %(at)s)
   AND c.start_at - make_interval(mins => o.waitlist_cutoff_minutes::int) > %(at)s
   AND c.capacity > (SELECT count(*) FROM bookings b WHERE b.session_id = c.id AND b.place IS NOT NULL)
   AND (NOT EXISTS (SELECT FROM seats e WHERE e.group_class_id = c.group_class_id AND e.active)
        OR EXISTS (SELECT FROM seats e WHERE e.group_class_id = c.group_class_id AND e.active
                      AND NOT EXISTS (SELECT FROM bookings b WHERE b.session_id = c.id AND b.seat_id = e.id
                                         AND b.place IS NOT NULL)))
   AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = 'waitlist.promote' AND (j.request ->> 'sessionId')::bigint = c.id
                      AND {called})
"""
QUEUED = "j.status = 'QUEUED'"
# A call that was parked waits for a person: it would fail again each minute.
QUEUED_OR_PARKED = f"({QUEUED} OR j.status = 'FAILED' AND j.error_code IN ('failed', 'worker_lost'))"


def call_uncalled(session: Session, *, at: datetime) -> int:
    """Have the lines called that should have been, and were not: of a class that got another seat; return how many."""
    found = [row["id"] for row in fetch(session, UNCALLED.format(called=QUEUED_OR_PARKED), at=at)]
    call_for(session, found, at=at)
    return len(found)


def call_for(session: Session, session_ids: Collection[int], *, at: datetime) -> None:
    """Have the lines of sessions called in which a place came free: by a job each, after this transaction."""
    if not session_ids:
        return
    called = fetch(session, CALL, ids=sorted(session_ids))
    insert(session, Job, [promotion(row["organization_id"], {"sessionId": row["id"]}, at) for row in called])


def promotion(organization_id: int, request: Row, at: datetime) -> Row:
    """Return the job that calls a line."""
    owner = {"organization_id": organization_id, "caller": "SYSTEM waitlist", "kind": PROMOTE}
    return owner | {"request": request, "due_at": at, "received_at": at}
