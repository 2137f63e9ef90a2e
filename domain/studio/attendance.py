"""Who came and who did not, as staff mark it: what was paid stays spent either way (PRODUCT.md §4.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.bulk import update
from db.models import Booking, BookingStatus
from domain.booking.outgoing import Outgoing, Row
from domain.booking.rows import write
from domain.booking.shape import shown
from domain.booking.standing import GIVEN_BACK, Standing
from domain.booking.state import Student
from domain.booking.students import complete
from domain.enrollment.enrolled import read_enrollments
from domain.enrollment.progress import follow
from domain.errors import InvalidField, SessionCancelled, SessionNotStarted
from domain.family import Result
from domain.studio.command import Attend
from domain.studio.gathering import Gathering, gather

COMPLETED, NO_SHOW = "booking.completed", "booking.no_show"
EVENTS = {BookingStatus.COMPLETED: COMPLETED, BookingStatus.NO_SHOW: NO_SHOW}


def attend(transaction: Transaction, command: Attend, *, at: datetime) -> Result:
    """Mark bookings of a session that has begun, all or none; a mark that stands already changes nothing.

    Raises:
        SessionCancelled: it does not take place.
        SessionNotStarted: nobody can have come.
        InvalidField: a booking has no place in it, or is named twice.

    """
    gathered = gather(transaction, command)
    _check(gathered, command, at)
    standing = {each.id: each for each in gathered.bookings}
    changed = {number: status for number, status in command.marks if standing[number].status is not status}
    _check_reopened([standing[number] for number in changed], command)
    with_steps(transaction, gathered.students, [standing[number] for number in changed], at=at)
    outgoing = Outgoing()
    for number, status in changed.items():
        booking = standing[number]
        booking.status = status
        note(outgoing, gathered.students[booking.student_id], asdict(booking), at=at)
    update(transaction, Booking, [{"id": number, "status": status} for number, status in changed.items()])
    write(transaction, outgoing, at=at)
    return {"marked": len(command.marks), "bookings": [shown(asdict(standing[number])) for number, _ in command.marks]}


def note(outgoing: Outgoing, student: Student, booking: Row, *, at: datetime) -> None:
    """Tell of who came or not, and let the step of a course follow."""
    status = BookingStatus(booking["status"])
    outgoing.note(student, EVENTS[status], booking, at=at)
    follow(outgoing, student, booking, status, at=at)


def with_steps(
    transaction: Transaction, students: Mapping[int, Student], bookings: Sequence[Standing], *, at: datetime
) -> None:
    """Give students, who are held, the packages and steps of those of their bookings that take a step of a course."""
    taking = [each for each in bookings if each.course_step_id is not None]
    if not taking:
        return
    concerned = {each.student_id for each in taking}
    named = [each.student_package_id for each in taking if each.student_package_id]
    enrollments = read_enrollments(transaction, concerned, at=at)
    complete(transaction, {each: students[each] for each in concerned}, [], named=named, enrollments=enrollments, at=at)


def _check_reopened(bookings: Sequence[Standing], command: Attend) -> None:
    """Refuse to mark what was missed and opened again: its step may be booked in another session by now."""
    for booking in bookings:
        if GIVEN_BACK in booking.metadata:
            place = [number for number, _ in command.marks].index(booking.id)
            advice = f"Leave out booking {booking.id}: its step was opened again, and is taken in another session."
            raise InvalidField(f"marks.{place}", advice)


def _check(gathered: Gathering, command: Attend, at: datetime) -> None:
    session = gathered.session
    if not session.is_scheduled:
        raise SessionCancelled(f"{session.name} was called off: nobody came to it.")
    if session.start_at > at:
        raise SessionNotStarted(f"{session.name} has not begun: mark who came once it has.")
    named = [number for number, _ in command.marks]
    if repeated := sorted({number for number in named if named.count(number) > 1}):
        raise InvalidField("marks", f"Name each booking once: {_listed(repeated, 'is', 'are')} named twice.")
    inside = {each.id for each in gathered.bookings}
    if strangers := sorted({*named} - inside):
        advice = f"Name bookings that have a place in this session: {_listed(strangers, 'has', 'have')} none."
        raise InvalidField("marks", advice)


def _listed(numbers: list[int], one: str, many: str) -> str:
    return f"{', '.join(map(str, numbers))} {one if len(numbers) == 1 else many}"
