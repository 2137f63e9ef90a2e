"""Two records of one person made one: all that the one has goes to the other, in one transaction (PRODUCT.md §2.5).

Locked in one order (docs/adr/0003): the commands and Stripe customers of who is merged, both students, coupons and
sessions. The students so that nothing new can refer to them meanwhile: who wants to waits, and finds whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import DomainEvent
from db.transaction import fetch
from domain import student
from domain.desk.merge_check import check_bookings, check_enrollments, plan_days
from domain.desk.merge_rows import move
from domain.errors import InvalidField, NotFound, StudentMerged
from domain.mail.unsent import retry_unsent
from domain.purchase.holder import refresh_flags
from domain.waitlist.calling import call_for

MERGED = "student.merged"

# A guest is known by their address; a name goes first, in case it is one.
SOURCE = """
SELECT id FROM students
 WHERE organization_id = %(organization_id)s
   AND (external_id = %(name)s OR external_id IS NULL AND lower(email) = lower(%(name)s))
 ORDER BY external_id NULLS LAST LIMIT 1
"""
LOCKS = {
    "queued": "SELECT id FROM jobs WHERE student_id = %(source)s AND status = 'QUEUED' ORDER BY id FOR UPDATE",
    "customers": """
SELECT 1 FROM stripe_customers WHERE student_id = %(source)s
 ORDER BY stripe_customer_id, organization_id FOR NO KEY UPDATE""",
    "students": """
SELECT id, organization_id, external_id, email, event_sequence, merged_into FROM students
 WHERE id IN (%(source)s, %(into)s) ORDER BY id FOR UPDATE""",
    "coupons": """
SELECT 1 FROM coupons WHERE id IN (SELECT coupon_id FROM coupon_uses WHERE student_id = %(source)s)
 ORDER BY id FOR NO KEY UPDATE""",
    # A capacity that is changed changes the bookings of its session, in any order.
    "sessions": """
SELECT 1 FROM class_sessions
 WHERE id IN (SELECT session_id FROM bookings WHERE student_id = %(source)s AND place IS NOT NULL
              UNION SELECT session_id FROM waitlist_entries WHERE student_id = %(source)s AND ended_at IS NULL)
 ORDER BY id FOR NO KEY UPDATE""",
}

WAITS = "SELECT session_id FROM waitlist_entries WHERE student_id = %(source)s AND ended_at IS NULL"

# Who was merged into the source before, too: nobody has to follow twice.
MARK = """
UPDATE students SET merged_into = %(into)s, event_sequence = event_sequence + (id = %(source)s)::int
 WHERE id = %(source)s OR merged_into = %(source)s
"""
COMPLETE = """
UPDATE students s SET email = coalesce(s.email, source.email), name = coalesce(s.name, source.name),
       event_sequence = s.event_sequence + 1
  FROM students source WHERE s.id = %(into)s AND source.id = %(source)s
"""


@dataclass(frozen=True, slots=True)
class Merge:
    """What staff want: `source` is the name of who is merged, or the e-mail address of a guest; `into` who stays.

    `actor` says so, as in a job's `caller`.
    """

    source: str
    into: str
    actor: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """Who was merged (a guest has no name) into whom, and how many rows of each kind went with them.

    `kept` are the uses of coupons that would have exceeded a limit of the other: they stay where they are.
    """

    merged_member_id: str | None
    member_id: str
    moved: Mapping[str, int]
    kept: int


def merge(session: Session, organization_id: int, wanted: Merge, *, at: datetime) -> Merged:
    """Give all that a student has to another of the organization; the names of the first mean the second from now on.

    Args:
        session: Its transaction is the merge.
        organization_id: Of both.
        wanted: Who; into somebody who was merged is into whom they were merged.
        at: When.

    Raises:
        NotFound: one of them is not there.
        InvalidField: they are the same.
        StudentMerged: it was done before.
        TimeConflict: they are booked at the same time.
        AlreadyEnrolled: they have a place in the same cohort.
        AllAccessUsedToday: their passes were used on the same day, and together more often than allowed.

    """
    ids = _ids(session, organization_id, wanted.source, wanted.into)
    queued = [row["id"] for row in fetch(session, LOCKS["queued"], **ids)]
    fetch(session, LOCKS["customers"], **ids)
    both = {row["id"]: row for row in fetch(session, LOCKS["students"], **ids)}
    if any(row["merged_into"] for row in both.values()):
        raise StudentMerged("This student was merged before: merge whom they were merged into, by their own name.")
    for lock in ("coupons", "sessions"):
        fetch(session, LOCKS[lock], **ids)
    check_bookings(session, **ids)
    check_enrollments(session, **ids)
    slots = plan_days(session, **ids)
    waits = [row["session_id"] for row in fetch(session, WAITS, **ids)]
    moved, kept = move(session, ids, queued, slots, at=at)
    # Whoever calls the line at this moment knows them by the other name, and passes them over.
    call_for(session, waits, at=at)
    giver, taker = both[ids["source"]], both[ids["into"]]
    _mark(session, giver, taker, wanted, at=at)
    return Merged(giver["external_id"], taker["external_id"], moved, kept)


def _ids(session: Session, organization_id: int, source: str, into: str) -> dict[str, int]:
    found = fetch(session, SOURCE, organization_id=organization_id, name=source)
    target = student.find(session, organization_id, into)
    if not found or target is None:
        missing = into if found else source
        raise NotFound(f"There is no student {missing} in the organization.")
    if found[0]["id"] == target:
        raise InvalidField("intoMemberId", f"{source} and {into} are the same student: name another one.")
    return {"source": found[0]["id"], "into": target}


def _mark(session: Session, giver: Mapping[str, Any], taker: Mapping[str, Any], wanted: Merge, *, at: datetime) -> None:
    """Write that the one is the other by now, and tell both; nothing that was told before changes."""
    ids = {"source": giver["id"], "into": taker["id"]}
    fetch(session, MARK, **ids)
    fetch(session, COMPLETE, **ids)
    said = {"by": wanted.actor} | ({"reason": wanted.reason} if wanted.reason else {})
    into = {"studentId": taker["external_id"], "mergedFrom": giver["external_id"]}
    gone = {"studentId": giver["external_id"], "mergedInto": taker["external_id"]}
    insert(session, DomainEvent, [_event(taker, into | said, at), _event(giver, gone | said, at)])
    refresh_flags(session, list(ids.values()), at=at)
    if giver["email"] and not taker["email"]:
        retry_unsent(session, [taker["id"]], at=at)


def _event(about: Mapping[str, Any], data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "organization_id": about["organization_id"],
        "student_id": about["id"],
        "type": MERGED,
        "subject": f"student/{about['id']}",
        "sequence": about["event_sequence"] + 1,
        "data": data,
        "message_id": str(uuid4()),
        "due_at": at,
        "created_at": at,
    }
