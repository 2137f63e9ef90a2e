"""The server goes away after any statement of a transaction: nothing of it stays, and trying again does it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from tests.domain.booking.world import everything
from tests.school import School
from tests.studio import Studio
from worker.inbox import Inbox, drain_batch
from worker.job_inbox import JOBS
from worker.stripe_inbox import STRIPE_EVENTS

ASSIGN, REOPEN = "enrollment.assign-cohort", "enrollment.reopen-step"
# What somebody asks for is stored, and this is done with it.
Asked = Callable[[School, FrozenDateTimeFactory], Inbox]


@dataclass
class Line:
    """The line to a server that goes away for good once it has answered so many statements."""

    left: int
    is_cut: bool = False
    written: int = 0

    def answer(self, cursor: psycopg.Cursor[Any], statement: object) -> None:
        """Note a statement that was answered, and cut the line behind the last one."""
        self.left -= 1
        self.written += str(statement).lstrip().startswith(("INSERT", "UPDATE"))
        if self.left == 0:
            self.is_cut = True
            cursor.connection.close()
            raise psycopg.OperationalError("the server went away")


@contextmanager
def line(patch: pytest.MonkeyPatch, statements: int) -> Iterator[Line]:
    """Cut every connection after so many statements."""
    found, execute = Line(statements), psycopg.Cursor.execute

    def run(cursor: psycopg.Cursor[Any], query: Any, *values: Any, **options: Any) -> psycopg.Cursor[Any]:
        if found.is_cut:
            raise psycopg.OperationalError("the server is away")
        result = execute(cursor, query, *values, **options)
        found.answer(cursor, query)
        return result

    with patch.context() as patched:
        patched.setattr(psycopg.Cursor, "execute", run)
        yield found


def states(studio: Studio) -> dict[str, list[str]]:
    """Return every row of every table, jobs and events that came in too."""
    rows = studio.rows("SELECT j::text AS said FROM jobs j ORDER BY 1")
    return everything(studio) | {"jobs": [row["said"] for row in rows]}


def book_step(school: School, _: FrozenDateTimeFactory) -> Inbox:
    package = school.enroll("ada", school.cohort())
    school.timetable.ask("course.book-step", "ada", org="thrive", packageId=package, **school.choice("SFZ-2-DAY"))
    return JOBS


def change_step(school: School, _: FrozenDateTimeFactory) -> Inbox:
    package = school.enroll("ada", school.cohort())
    school.book("ada", package, "SFZ-1-DAY")
    school.timetable.ask("course.change-step", "ada", org="thrive", packageId=package, **school.choice("SFZ-1-EVE"))
    return JOBS


def cancel_step(school: School, _: FrozenDateTimeFactory) -> Inbox:
    package = school.enroll("ada", school.cohort())
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 1")
    other = school.enroll("bea")
    # Somebody waits, and is called.
    school.timetable.do("waitlist.join", "bea", org="thrive", sessionId=school.sessions["SFZ-4-EVE"])
    assert school.progress(other)["SFZ-4"] == "UNBOOKED"
    school.timetable.ask(
        "course.cancel-step", "ada", org="thrive", packageId=package, courseStepId=school.step("SFZ-4")
    )
    return JOBS


def book_steps(school: School, _: FrozenDateTimeFactory) -> Inbox:
    package = school.enroll("ada", school.cohort())
    school.cancel("ada", package, "SFZ-4")
    chosen = [school.choice(code) for code in ("SFZ-2-DAY", "SFZ-3-EVE")]
    school.timetable.ask("course.book-steps", "ada", org="thrive", packageId=package, selections=chosen)
    return JOBS


def purchase(school: School, _: FrozenDateTimeFactory) -> Inbox:
    school.timetable.studio.receive(school.purchase("ada", school.cohort()))
    return STRIPE_EVENTS


def assign_cohort(school: School, _: FrozenDateTimeFactory) -> Inbox:
    winter, spring = school.cohort("WINTER", capacity=1), school.cohort("SPRING")
    school.enroll("bea", winter)
    number = school.enrollment(school.enroll("ada", winter))["id"]
    school.timetable.ask(ASSIGN, "ada", org="thrive", enrollmentId=number, cohortId=spring)
    return JOBS


def reopen_step(school: School, now: FrozenDateTimeFactory) -> Inbox:
    package = school.enroll("ada", school.cohort())
    attend(school, now, package)
    school.timetable.work()
    said = {"enrollmentId": school.enrollment(package)["id"], "courseStepId": school.step("SFZ-1"), "reason": "ill"}
    school.timetable.ask(REOPEN, "ada", org="thrive", **said)
    return JOBS


def attendance(school: School, now: FrozenDateTimeFactory) -> Inbox:
    return attend(school, now, school.enroll("ada", school.cohort()))


def attend(school: School, now: FrozenDateTimeFactory, package: int) -> Inbox:
    """Say that Ada did not come to her first step."""
    booked = school.book("ada", package, "SFZ-1-DAY")
    session = school.sessions["SFZ-1-DAY"]
    now.move_to(school.start(session) + timedelta(minutes=1))
    school.timetable.ask_of_session("session.attend", session, marks=[{"bookingId": booked.id, "status": "NO_SHOW"}])
    return JOBS


def call_off(school: School, _: FrozenDateTimeFactory) -> Inbox:
    school.enroll("ada", school.cohort())
    school.timetable.ask_of_session("session.cancel", school.sessions["SFZ-4-EVE"])
    return JOBS


# Each with where Ada's steps stand once it is done, and her credits for them.
DONE: dict[Asked, tuple[str, int]] = {
    book_step: ("UNBOOKED* BOOKED UNBOOKED BOOKED", 2),
    change_step: ("BOOKED UNBOOKED UNBOOKED BOOKED", 2),
    cancel_step: ("UNBOOKED UNBOOKED UNBOOKED CANCELLED", 4),
    book_steps: ("UNBOOKED* BOOKED BOOKED BOOKED", 1),
    purchase: ("UNBOOKED UNBOOKED UNBOOKED BOOKED", 3),
    assign_cohort: ("UNBOOKED UNBOOKED UNBOOKED BOOKED", 3),
    reopen_step: ("UNBOOKED UNBOOKED UNBOOKED BOOKED", 3),
    attendance: ("MISSED UNBOOKED UNBOOKED BOOKED", 2),
    call_off: ("UNBOOKED UNBOOKED UNBOOKED CANCELLED", 4),
}
PACKAGE = """
SELECT e.student_package_id AS id FROM student_course_enrollments e JOIN students s ON s.id = e.student_id
 WHERE s.external_id = 'ada'
"""


@pytest.mark.parametrize("asked", DONE, ids=lambda asked: asked.__name__)
def test_a_line_that_is_cut_anywhere_leaves_nothing_half_done(
    school: School, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, asked: Asked
) -> None:
    inbox, studio = asked(school, now), school.timetable.studio
    before = states(studio)

    for statements in count(1):
        with line(monkeypatch, statements) as cut:
            if not cut_off(inbox, studio):
                break
        assert cut.is_cut
        assert states(studio) == before, f"after {statements} statements"

    # It was cut behind every read and write there is, and done at last: once.
    assert statements > cut.written > 3
    school.timetable.work()
    package = int(studio.one(PACKAGE)["id"])
    assert (" ".join(school.progress(package).values()), school.timetable.left(package)[0]) == DONE[asked]
    assert {row["attempts"] for row in studio.rows(f"SELECT attempts FROM {inbox.table}")} == {0}
    told = studio.rows("SELECT array_agg(sequence ORDER BY sequence) AS n FROM domain_events GROUP BY student_id")
    assert [row["n"] for row in told] == [list(range(1, len(row["n"]) + 1)) for row in told]


def cut_off(inbox: Inbox, studio: Studio) -> bool:
    """Do what is due; say whether the line was cut meanwhile."""
    try:
        # Each would be told with all that was on the stack.
        with capture_logs():
            drain_batch(inbox, studio.engine)
    except (psycopg.OperationalError, DBAPIError):
        return True
    return False
