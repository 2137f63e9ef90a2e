"""What a person has still before them, or under way: it goes first, by hand, before they can be erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.errors import EraseRefused
from domain.privacy.person import Person

# Enough to begin with; the rest shows on the next try.
MOST = 10

BOOKINGS = """
SELECT id AS what FROM bookings
 WHERE student_id = ANY(%(ids)s) AND place IS NOT NULL AND end_at > %(at)s ORDER BY start_at, id
"""
WAITS = """
SELECT 'session ' || w.session_id AS what FROM waitlist_entries w JOIN class_sessions c ON c.id = w.session_id
 WHERE w.student_id = ANY(%(ids)s) AND w.ended_at IS NULL AND c.start_at > %(at)s ORDER BY c.start_at, w.id
"""
JOBS = """
SELECT id AS what FROM jobs
 WHERE status IN ('QUEUED', 'RUNNING') AND organization_id = %(organization)s
   AND (student_id = ANY(%(ids)s) OR caller = ANY(%(actors)s)
        OR student_id IS NULL AND request ->> 'memberId' = ANY(%(names)s)) ORDER BY id
"""


def check_quiet(session: Session, person: Person, events: Rows, *, at: datetime) -> None:
    """Refuse to erase somebody of whom something is ahead or under way.

    Raises:
        EraseRefused: names it, and says what to do first.

    """
    who = {"organization": person.organization_id, "ids": person.ids, "names": person.names, "actors": person.actors}
    values = who | {"at": at}
    found = {name: fetch(session, statement, **values) for name, statement in QUESTIONS.items()}
    found["events"] = [_event(row) for row in events if row["status"] not in {"PROCESSED", "IGNORED"}]
    if reasons := list(_reasons(found)):
        raise EraseRefused("; ".join(reasons))


QUESTIONS = {"bookings": BOOKINGS, "waits": WAITS, "jobs": JOBS}
ADVICE = {
    "bookings": "bookings are ahead ({}): cancel them, or wait until they are over",
    "waits": "there is a place in line ({}): have it left, or wait until the line is closed",
    "jobs": "commands are under way ({}): wait until they are done",
    "events": "events of Stripe's are not done with ({}): wait for those that are RECEIVED; mend what the others need,"
    " and replay them",
}


def _reasons(found: Mapping[str, Rows]) -> Iterator[str]:
    for name, advice in ADVICE.items():
        if found[name]:
            more = ["…"] if len(found[name]) > MOST else []
            yield advice.format(", ".join([str(row["what"]) for row in found[name][:MOST]] + more))


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"what": " ".join(filter(None, (str(row["id"]), row["status"], row["error_code"])))}
