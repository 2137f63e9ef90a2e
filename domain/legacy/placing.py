"""Which session of ours an old session of a package is, with its place where it has begun; or why it is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus
from db.transaction import fetch
from domain.booking.checks import check_free
from domain.booking.fit import Fit, cost, fits
from domain.booking.state import Session, Span, Student
from domain.errors import Refusal
from domain.legacy.bookings import Child, Parent
from domain.legacy.purchase import Purchase
from domain.legacy.shape import OldStatus
from domain.legacy.tally import Books
from domain.validity import end_of_days

STARTING = """
SELECT c.id, c.start_at, g.code FROM class_sessions c JOIN group_classes g ON g.id = c.group_class_id
 WHERE c.organization_id = %(organization)s AND c.start_at = ANY(%(starts)s)
   AND c.status = 'SCHEDULED' AND NOT c.arranged
 ORDER BY c.id
"""
CLASSES = "SELECT code FROM group_classes WHERE organization_id = %(organization)s AND code = ANY(%(codes)s)"

# By when they start, the sessions of ours with the codes of their classes.
Starting = Mapping[datetime, Sequence[tuple[int, str]]]


def with_time(parents: Iterable[Parent]) -> Iterator[tuple[Parent, Child]]:
    """Yield the old sessions that were given a time."""
    return ((parent, child) for parent in parents for child in parent.children if child.had_time)


def check_classes(session: Transaction, books: Books, parents: Sequence[Parent]) -> None:
    """Refuse sessions of classes that the organization does not have."""
    named = [(each.record, each.record.said.class_code) for parent in parents for each in parent.children]
    codes = {code for _, code in named if code}
    rows = fetch(session, CLASSES, organization=books.organization_id, codes=list(codes)) if codes else []
    known = {row["code"] for row in rows}
    for record, code in named:
        if code and code not in known:
            books.refuse(record, "class", f"there is no class {code}: apply a catalog that has it first")


def choose(session: Transaction, books: Books, parents: Sequence[Parent]) -> None:
    """Choose the sessions of ours that start when old ones did."""
    children = [child for _, child in with_time(parents)]
    starts = {child.record.said.start_time for child in children} - {None}
    found: dict[datetime, list[tuple[int, str]]] = {}
    if starts:
        for row in fetch(session, STARTING, organization=books.organization_id, starts=list(starts)):
            found.setdefault(row["start_at"], []).append((row["id"], row["code"]))
    for child in children:
        _choose(child, found)


def _choose(child: Child, found: Starting) -> None:
    said = child.record.said
    if said.start_time is None:
        child.why = f"it is {said.status.value}, and says no start_time"
        return
    there = [number for number, code in found.get(said.start_time, ()) if said.class_code in {None, code}]
    if len(there) == 1:
        child.chosen = there[0]
    else:
        child.why = "several sessions start then: name its class" if there else "no session of ours starts then"


def settle(parent: Parent, child: Child, session: Session, student: Student, books: Books) -> None:
    """Put an old session into one of ours if that is possible; else say why not."""
    child.why = _why_not(parent, child, session, student, books)
    if child.why:
        return
    child.session = session
    if session.start_at <= books.at:
        _sit(child, session, student)
        first = parent.purchase.first_use
        parent.purchase.first_use = min(first, session.start_at) if first else session.start_at


def _sit(child: Child, session: Session, student: Student) -> None:
    """Take a place, and a seat where there are any, and the student's time."""
    child.place = session.next_place()
    session.places.add(child.place)
    if session.seats:
        child.seat_id = session.free_seats[0].id
        session.sat.add(child.seat_id)
    student.spans[-len(student.spans) - 1] = Span(0, session.id, session.start_at, session.end_at)


def _why_not(parent: Parent, child: Child, session: Session, student: Student, books: Books) -> str | None:
    (line,) = parent.purchase.product.allowances
    if not session.is_scheduled or session.start_at != child.record.said.start_time:
        # It was called off or moved before it was held.
        return "no session of ours starts then"
    if fits(line.service_type, line.teacher_tier, session.service, session.tier) is Fit.NO:
        return f"{parent.purchase.product.name} does not pay for {session.name}"
    if session.start_at > books.at:
        return _why_not_ahead(child, line.credit_unit_minutes, session)
    return _why_not_begun(parent, session, student, books.timezone)


def _why_not_begun(parent: Parent, session: Session, student: Student, timezone: str) -> str | None:
    if session.room <= 0:
        return f"{session.name} has no place left"
    if not _is_valid(parent, session.start_at, timezone):
        return f"{parent.purchase.product.name} was not valid then"
    try:
        check_free(student, session)
    except Refusal:
        return "the student is in another session then, or has a place in this one"
    return None


def _why_not_ahead(child: Child, unit: int, session: Session) -> str | None:
    if child.record.said.status is OldStatus.COMPLETED:
        return f"it is completed, and {session.name} is still ahead"
    price = cost(session.minutes, unit, session.free_seats[0].credit_cost if session.free_seats else None)
    return f"{session.name} costs {price} credits, and an old session was one" if price != 1 else None


def _is_valid(parent: Parent, start_at: datetime, timezone: str) -> bool:
    """Say whether the package of a parent lasts at an instant; one that begins with its first use may begin there."""
    row = parent.purchase.package()
    if row["validity_starts"] == "PURCHASE":
        return bool(row["starts_at"] <= start_at < row["expires_at"])
    starts = [start_at, *(each.session.start_at for each in parent.children if each.session and each.place)]
    return max(starts) < end_of_days(min(starts), parent.purchase.product.validity_days, timezone)


def use_up(purchase: Purchase, children: Sequence[Child]) -> None:
    """Count what of a package was used in the old world, and is no booking of ours."""
    purchase.used = sum(child.is_used for child in children)


def status_of(child: Child, *, is_over: bool) -> BookingStatus:
    """Return what a session that has begun is: attended if it was completed, there or by our clock."""
    attended = child.record.said.status is OldStatus.COMPLETED or is_over
    return BookingStatus.COMPLETED if attended else BookingStatus.CONFIRMED
