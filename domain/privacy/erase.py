"""The money stays on the ledger, the person does not: all that says who they were is taken out, in one transaction.

Locked in one order (docs/adr/0003): their payments and Stripe customers, the student with all who were merged into
them, their sessions. Whoever tells of a payment at this moment waits, and finds nobody by the old names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import Job, Payment
from db.transaction import Rows, fetch
from domain.errors import EraseRefused
from domain.privacy.erase_rows import COUNT, ERASURES, GUEST, MARKS, NOTES, TOLD
from domain.privacy.person import Person, find_person
from domain.privacy.quiet import check_quiet
from domain.privacy.stored import stored_events
from domain.purchase.fact import erase as without_person

LOCKS = (
    "SELECT 1 FROM payments WHERE id = ANY(%(payments)s) ORDER BY stripe_key FOR NO KEY UPDATE",
    """SELECT 1 FROM stripe_customers WHERE student_id = ANY(%(ids)s)
        ORDER BY stripe_customer_id, organization_id FOR UPDATE""",
    "SELECT 1 FROM students WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE",
    # A capacity that is changed changes the bookings of its session, in any order.
    """SELECT 1 FROM class_sessions WHERE id IN (SELECT session_id FROM bookings WHERE student_id = ANY(%(ids)s))
        ORDER BY id FOR NO KEY UPDATE""",
)
FACTS = "SELECT id, facts FROM payments WHERE id = ANY(%(payments)s) ORDER BY id"
BOOKINGS = "SELECT id FROM bookings WHERE student_id = ANY(%(ids)s)"
BUSY = "Something of theirs changes at this moment: try again when it is done"


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, by the id that stays, and from how many rows of each kind."""

    student_id: int
    rows: Mapping[str, int]


def erase(session: Session, organization_id: int, name: str, *, at: datetime) -> Erased:
    """Take out of every table who a student is, and keep what they paid and did.

    Args:
        session: Its transaction is the erasure.
        organization_id: Theirs.
        name: The frontend's id, or a guest's e-mail address; who was merged is whom they were merged into.
        at: When.

    Raises:
        NotFound: nobody is called so, or nobody any more.
        EraseRefused: something is ahead or under way; it says what.

    """
    person = find_person(session, organization_id, name)
    for lock in LOCKS:
        fetch(session, lock, ids=person.ids, payments=list(person.payments.values()))
    if find_person(session, organization_id, name) != person:
        raise EraseRefused(BUSY)
    events = stored_events(session, person)
    check_quiet(session, person, events, at=at)
    rows = {"payments": _erase_facts(session, person), "marks": _erase_marks(session, person)}
    rows |= _erase_rows(session, person, events, at=at)
    return Erased(person.id, rows)


def _erase_facts(session: Session, person: Person) -> int:
    """Take the person out of what Stripe said of their payments, now and whenever it says more."""
    found = fetch(session, FACTS, payments=list(person.payments.values()))
    rows = [{"id": row["id"], "facts": without_person(row["facts"]), "stripe_customer_id": None} for row in found]
    update(session, Payment, rows)
    return len(rows)


def _erase_marks(session: Session, person: Person) -> int:
    """Take what was noted of their bookings out of answers that are about everybody in a session."""
    mine = {row["id"] for row in fetch(session, BOOKINGS, ids=person.ids)}
    found = fetch(session, MARKS, organization=person.organization_id, ids=person.ids)
    update(session, Job, [{"id": row["id"], "result": _unmarked(row["result"], mine)} for row in found])
    return len(found)


def _unmarked(result: Mapping[str, Any], mine: set[int]) -> dict[str, Any]:
    bookings = [_unnamed(each) if each.get("id") in mine else each for each in result["bookings"]]
    return {**result, "bookings": bookings}


def _unnamed(booking: Mapping[str, Any]) -> dict[str, Any]:
    named = {"guestName": GUEST} if booking.get("guestName") else {}
    kept = {name: value for name, value in booking.get("metadata", {}).items() if name not in NOTES}
    return {**booking, **named, "metadata": kept}


def _erase_rows(session: Session, person: Person, events: Rows, *, at: datetime) -> dict[str, int]:
    kept = [row["id"] for row in events if row["payload"] is not None]
    values = {
        "organization": person.organization_id,
        "ids": person.ids,
        "names": person.names,
        "actors": person.actors,
        "events": kept,
        "notes": NOTES,
        "told": TOLD,
        "at": at,
    }
    rows = {name: _count(session, erasure, values) for name, erasure in ERASURES.items()}
    if rows["events"] < len(kept):
        raise EraseRefused(BUSY)
    return rows


def _count(session: Session, erasure: str, values: Mapping[str, Any]) -> int:
    return int(fetch(session, COUNT.format(erasure=erasure), **values)[0]["n"])
