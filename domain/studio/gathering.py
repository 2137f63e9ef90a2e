"""All of a session at once: everybody in it locked in the one order (docs/adr/0003), then the session, then read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from db.transaction import fetch
from domain.booking.facts import COLUMNS
from domain.booking.sessions import read_sessions
from domain.booking.standing import Standing
from domain.booking.state import Session, Student
from domain.booking.students import read_students
from domain.errors import NotFound
from domain.studio.command import SessionOrder

# Whom the studio's doing concerns: who is in a session, and who waits for it.
PEOPLE = """
SELECT student_id FROM bookings WHERE session_id = %(id)s AND place IS NOT NULL
UNION
SELECT student_id FROM waitlist_entries WHERE session_id = %(id)s AND status IN ('WAITING', 'SKIPPED')
"""
BOOKINGS = f"""
SELECT {COLUMNS} FROM bookings b WHERE b.session_id = %(id)s AND b.place IS NOT NULL ORDER BY b.id
"""  # noqa: S608 - our own names


class Overtaken(Exception):
    """Somebody came in between the locks, whose own lock somebody else holds: give all of them back, and begin anew."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """A session, its bookings in the order of their ids, and the students they belong to, all of them locked."""

    session: Session
    students: dict[int, Student]
    bookings: list[Standing]

    @property
    def hosts(self) -> list[Standing]:
        """The bookings without the guests that hang on them."""
        return [each for each in self.bookings if each.guest_of is None]

    @property
    def guests(self) -> dict[int, Standing]:
        """The guests by their hosts' bookings."""
        return {each.guest_of: each for each in self.bookings if each.guest_of is not None}


def hold_students(transaction: Transaction, session_id: int) -> dict[int, Student]:
    """Lock the students of a session in the order of their ids."""
    return read_students(transaction, _people(transaction, session_id), lock="FOR NO KEY UPDATE OF s")


def hold_session(transaction: Transaction, command: SessionOrder, students: dict[int, Student]) -> Gathering:
    """Lock the session of a command, whose students are held, and read who is in it: nobody comes any more.

    Raises:
        NotFound: the organization has no such session.
        Overtaken: somebody is in it whom others hold.

    """
    found = read_sessions(transaction, [command.session_id], lock="FOR NO KEY UPDATE OF c").get(command.session_id)
    if found is None or found.organization_id != command.organization_id:
        raise NotFound("There is no session of this id.")
    came = _people(transaction, command.session_id) - students.keys()
    if came:
        # Out of their order, and so without waiting: who does not wait is in nobody's way.
        students = students | read_students(transaction, came, lock="FOR NO KEY UPDATE OF s SKIP LOCKED")
        if came - students.keys():
            raise Overtaken
    rows = fetch(transaction, BOOKINGS, id=command.session_id)
    return Gathering(found, students, [Standing.of(row) for row in rows])


def gather(transaction: Transaction, command: SessionOrder) -> Gathering:
    """Lock and read all of the session of a command.

    Raises:
        NotFound: the organization has no such session.
        Overtaken: somebody is in it whom others hold.

    """
    return hold_session(transaction, command, hold_students(transaction, command.session_id))


def _people(transaction: Transaction, session_id: int) -> set[int]:
    return {row["student_id"] for row in fetch(transaction, PEOPLE, id=session_id)}
