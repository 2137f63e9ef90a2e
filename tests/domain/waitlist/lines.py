"""What tests of waitlists share: a full session, and a place given up in it."""

from __future__ import annotations

from tests.domain.booking.world import soon
from tests.timetable import Timetable


def full(timetable: Timetable, *students: str, capacity: int | None = None, **session: object) -> int:
    """Return a session in which the students named have all the places."""
    wanted = timetable.session(soon(), capacity=capacity or len(students), **session)  # type: ignore[arg-type]
    for student in students:
        timetable.buy(student)
        assert timetable.book(student, wanted).code == "done"
    return wanted


def give_back(timetable: Timetable, session: int, student: str) -> None:
    """Have a student give up their place, and the line be called."""
    row = timetable.studio.one(
        "SELECT b.id FROM bookings b JOIN students s ON s.id = b.student_id WHERE b.session_id = %(wanted)s"
        " AND s.external_id = %(student)s AND b.place IS NOT NULL AND b.guest_of IS NULL",
        wanted=session,
        student=student,
    )
    assert timetable.cancel(student, row["id"]).code == "done"
    timetable.work()
