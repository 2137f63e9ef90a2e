"""Old sessions of packages written: drafts, bookings of what has begun, and, through the engine, of what is ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus
from db.transaction import fetch
from domain.booking.act import act
from domain.booking.command import Command, Schedule
from domain.booking.facts import reserve
from domain.booking.outgoing import Outgoing, Row
from domain.booking.sessions import read_sessions
from domain.booking.state import Session, Student
from domain.booking.students import complete
from domain.errors import Refusal
from domain.legacy import placing
from domain.legacy.bookings import Child, Parent
from domain.legacy.kinds import BOOKING, CREDIT
from domain.legacy.packages import draft_of
from domain.legacy.tally import Books
from domain.mail.booking_kinds import CONFIRMED
from domain.studio.attendance import COMPLETED

# Of one batch of the engine.
BATCH = 500

OVER = "SELECT id FROM class_sessions WHERE id = ANY(%(ids)s) AND completed_at IS NOT NULL"
# Nobody wants a mail about a session that is over; the row says that there would have been one.
SILENCE = """
UPDATE notifications SET status = 'VOID', last_error = 'taken over from an older system'
 WHERE booking_id = ANY(%(bookings)s)
"""


def settle(session: Transaction, books: Books, parents: Sequence[Parent], students: Mapping[int, Student]) -> None:
    """Lock and read the sessions that were chosen, and say of each old session whether it goes into its own."""
    chosen = {child.chosen for _, child in placing.with_time(parents)} - {None}
    sessions = read_sessions(session, sorted(filter(None, chosen)), lock="FOR NO KEY UPDATE OF c")
    wanted = [(p, c, sessions[c.chosen]) for p, c in placing.with_time(parents) if c.chosen]
    whole = {parent.purchase.student_id: students[parent.purchase.student_id] for parent, _, _ in wanted}
    targets = [(parent.purchase.student_id, there) for parent, _, there in wanted]
    if targets:
        complete(session, whole, targets, named=[], at=books.at)
    for parent, child, there in sorted(wanted, key=lambda each: each[2].start_at):
        placing.settle(parent, child, there, whole[parent.purchase.student_id], books)
    for parent in parents:
        placing.use_up(parent.purchase, parent.children)


def write(
    session: Transaction,
    books: Books,
    parents: Sequence[Parent],
    students: Mapping[int, Student],
    outgoing: Outgoing,
) -> list[int]:
    """Add the bookings of old sessions; return those of sessions that have begun, whose mails nobody wants."""
    standing = [(parent, child) for parent in parents for child in parent.children if not child.is_used]
    for number, (_, child) in zip(reserve(session, "bookings", len(standing)), standing, strict=True):
        child.booking_id = number
    begun = {child.session.id for _, child in standing if child.session and child.place}
    over = {row["id"] for row in fetch(session, OVER, ids=list(begun))} if begun else set()
    for parent, child in standing:
        draft = draft_of(parent.purchase) | {"id": child.booking_id, "created_at": child.record.said.created_at}
        if child.session is None or child.place is None:
            outgoing.drafts.append(draft)
            continue
        status = placing.status_of(child, is_over=child.session.id in over)
        row = draft | _seated(child, child.session, status)
        outgoing.booked.append(row)
        _tell(books, row, students[parent.purchase.student_id], outgoing)
    _keep(books, parents)
    return [child.booking_id for _, child in standing if child.place]


def _seated(child: Child, session: Session, status: BookingStatus) -> Row:
    return {
        "session_id": session.id,
        "session_capacity": session.capacity,
        "place": child.place,
        "seat_id": child.seat_id,
        "status": status.value,
        "service_type": session.service.value,
        "minutes": session.minutes,
        "start_at": session.start_at,
        "end_at": session.end_at,
        "credits_used": 1,
        "guest_of": None,
        "course_step_id": None,
        "metadata": {},
    }


def _tell(books: Books, row: Row, student: Student, outgoing: Outgoing) -> None:
    """Add the credit that a session cost, and what is told of it."""
    outgoing.use(books.organization_id, row["allowance_id"], 1, row["id"], at=books.at)
    event = COMPLETED if row["status"] == BookingStatus.COMPLETED else CONFIRMED
    outgoing.tell(student, event, row, mail=CONFIRMED, at=books.at)


def _keep(books: Books, parents: Sequence[Parent]) -> None:
    for parent in parents:
        books.took(parent.record)
        for child in parent.children:
            name = child.record.said.legacy_id
            kind, row = (CREDIT, parent.purchase.allowance_id) if child.is_used else (BOOKING, child.booking_id)
            books.keep(kind, name, row)
            if child.why:
                books.cannot_map(child.record, child.why)
            elif not child.is_ahead:
                books.took(child.record)


def silence(session: Transaction, bookings: Sequence[int]) -> None:
    """Let no mail leave about bookings of sessions that have begun."""
    if bookings:
        fetch(session, SILENCE, bookings=list(bookings))


def schedule(session: Transaction, books: Books, parents: Sequence[Parent]) -> Iterator[int]:
    """Put old sessions that are ahead into ours, by the rules of every booking; yield how many are done.

    What cannot be booked stays the draft that it is.
    """
    ahead = [(parent, child) for parent in parents for child in parent.children if child.is_ahead]
    for first in range(0, len(ahead), BATCH):
        batch = ahead[first : first + BATCH]
        answers = act(session, [_command(number, *each, books) for number, each in enumerate(batch)], at=books.at)
        for number, (_, child) in enumerate(batch):
            answer = answers[number]
            if isinstance(answer, Refusal):
                books.cannot_map(child.record, str(answer))
            else:
                books.took(child.record)
        yield first + len(batch)


def _command(number: int, parent: Parent, child: Child, books: Books) -> Command:
    session_id = child.session.id if child.session else None
    head = (number, parent.purchase.student_id, books.at, books.at)
    return Schedule(*head, booking_id=child.booking_id, session_id=session_id, start_at=None, teacher_id=None)
