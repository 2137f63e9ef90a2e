"""Steps of courses that many want at once, on real connections: each is booked once, and no session is oversold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.races.bookings import INBOXES, OUT_OF_TURN, SINGLY
from tests.races.courses import ask_all, called, enrolled
from tests.races.test_studio import long_ago
from tests.school import School
from tests.timetable import Timetable
from worker import clock
from worker.job_inbox import JOBS
from worker.upkeep import complete_bookings


@pytest.fixture
def school(timetable: Timetable) -> School:
    """Give a course whose sessions are in halls large enough for everybody."""
    school = School(timetable)
    school.plan(capacity=60)
    return school


def shrink(school: School, code: str, capacity: int) -> int:
    """Let the session of a class be smaller; return it."""
    session = school.sessions[code]
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = %(n)s WHERE id = %(id)s", n=capacity, id=session)
    return session


# One step of one student.


@INBOXES
def test_sixteen_clicks_on_a_step_book_it_once(school: School, inbox: Any) -> None:
    for name, package in enrolled(school, called("ada", 4)).items():
        jobs = ask_all(school, "course.book-step", [(name, package)] * 16, **school.choice("SFZ-1-DAY"))

        assert school.timetable.crowd(inbox) == []

        assert Counter(school.timetable.codes(jobs)) == {"done": 1, "step_already_booked": 15}
        assert school.timetable.left(package) == [2, 2]
    assert school.timetable.active(school.sessions["SFZ-1-DAY"]) == 4
    assert school.timetable.studio.audit() == []


@INBOXES
def test_a_step_is_booked_once_by_whatever_way(school: School, inbox: Any) -> None:
    for name, package in enrolled(school, called("ada", 4)).items():
        day, evening = school.choice("SFZ-1-DAY"), school.choice("SFZ-1-EVE")
        jobs = ask_all(school, "course.book-step", [(name, package)] * 2, **day)
        jobs += ask_all(school, "course.book-steps", [(name, package)] * 2, selections=[evening])
        ordinary = [(name, {"sessionId": school.sessions[code]}) for code in ("SFZ-1-DAY", "SFZ-1-EVE")]
        jobs += school.timetable.ask_all("booking.book", ordinary, org="thrive")

        assert school.timetable.crowd(inbox) == []

        assert Counter(school.timetable.codes(jobs)) == {"done": 1, "step_already_booked": 5}
        assert school.timetable.left(package) == [2, 2]
    assert school.timetable.studio.audit() == []


@INBOXES
def test_of_two_selections_that_share_a_step_one_is_taken_whole_and_the_other_not_at_all(
    school: School, inbox: Any
) -> None:
    for name, package in enrolled(school, called("ada", 6)).items():
        ways = [("SFZ-1-DAY", "SFZ-2-DAY"), ("SFZ-3-DAY", "SFZ-1-EVE")]
        chosen = [[school.choice(code) for code in codes] for codes in ways]
        jobs = [ask_all(school, "course.book-steps", [(name, package)], selections=each)[0] for each in chosen]

        assert school.timetable.crowd(inbox) == []

        assert sorted(school.timetable.codes(jobs)) == ["done", "step_already_booked"]
        booked = {label for label, status in school.progress(package).items() if status == "BOOKED"}
        assert booked in ({"SFZ-1", "SFZ-2", "SFZ-4"}, {"SFZ-1", "SFZ-3", "SFZ-4"})
        assert school.timetable.left(package) == [1, 2]
    assert school.timetable.studio.audit() == []


@INBOXES
def test_of_a_change_and_a_cancellation_of_a_step_none_is_half(school: School, inbox: Any) -> None:
    held = enrolled(school, called("ada", 10))
    for name, package in held.items():
        school.book(name, package, "SFZ-1-DAY")
    changes = ask_all(school, "course.change-step", list(held.items()), **school.choice("SFZ-1-EVE"))
    cancels = ask_all(school, "course.cancel-step", list(held.items()), courseStepId=school.step("SFZ-1"))

    assert school.timetable.crowd(inbox) == []

    changed = school.timetable.codes(changes)
    assert set(changed) <= {"done", "step_not_booked"}
    assert inbox is OUT_OF_TURN or set(changed) == {"done"}
    assert school.timetable.codes(cancels) == ["done"] * 10
    assert [school.progress(package)["SFZ-1"] for package in held.values()] == ["CANCELLED"] * 10
    assert [school.timetable.left(package) for package in held.values()] == [[3, 2]] * 10
    assert [school.timetable.active(school.sessions[code]) for code in ("SFZ-1-DAY", "SFZ-1-EVE")] == [0, 0]
    assert school.timetable.studio.audit() == []


# A place that many want.


def test_of_two_who_want_the_last_place_of_a_step_one_gets_it(school: School) -> None:
    pairs = [called(f"pair-{number}", 2) for number in range(10)]
    held = enrolled(school, [name for pair in pairs for name in pair])
    sessions = [school.meet("SFZ-1-DAY", clock.now() + timedelta(days=20 + n), capacity=1) for n in range(10)]
    jobs = [
        ask_all(school, "course.book-step", [(name, held[name]) for name in pair], **school.choice("SFZ-1-DAY", each))
        for pair, each in zip(pairs, sessions, strict=True)
    ]

    assert school.timetable.crowd(SINGLY) == []

    assert [sorted(school.timetable.codes(each)) for each in jobs] == [["done", "session_full"]] * 10
    assert school.timetable.studio.audit() == []


@pytest.mark.parametrize("batch", [20, 1])
def test_of_fifty_who_want_the_last_place_of_a_step_one_gets_it(school: School, batch: int) -> None:
    held = enrolled(school, called("student", 50), school.cohort(capacity=50))
    session = shrink(school, "SFZ-1-DAY", 1)
    jobs = ask_all(school, "course.book-step", list(held.items()), **school.choice("SFZ-1-DAY"))

    assert school.timetable.crowd(replace(JOBS, batch=batch)) == []

    assert Counter(school.timetable.codes(jobs)) == {"done": 1, "session_full": 49}
    assert school.timetable.active(session) == 1
    assert school.timetable.studio.audit() == []


@pytest.mark.parametrize("batch", [20, 3, 1])
def test_who_names_no_session_gets_the_next_with_a_place_as_long_as_there_is_one(school: School, batch: int) -> None:
    held = enrolled(school, called("student", 20))
    first = shrink(school, "SFZ-1-DAY", 2)
    more = [school.meet("SFZ-1-DAY", clock.now() + timedelta(days=20 + n), capacity=n + 1) for n in range(4)]
    jobs = ask_all(school, "course.book-step", list(held.items()), **school.choice("SFZ-1-DAY"))

    assert school.timetable.crowd(replace(JOBS, batch=batch)) == []

    assert Counter(school.timetable.codes(jobs)) == {"done": 12, "session_full": 8}
    assert [school.timetable.active(session) for session in (first, *more)] == [2, 1, 2, 3, 4]
    assert school.timetable.studio.audit() == []


def test_a_place_that_a_change_leaves_goes_to_one_of_those_who_wait_or_ask(school: School) -> None:
    held = enrolled(school, called("student", 6), school.cohort())
    session = shrink(school, "SFZ-1-DAY", 1)
    (inside, package), *outside = held.items()
    school.book(inside, package, "SFZ-1-DAY")
    waiting = [(name, {"sessionId": session}) for name, _ in outside[:2]]
    assert school.timetable.codes(_done(school, "waitlist.join", waiting)) == ["done", "done"]
    leaving = ask_all(school, "course.change-step", [(inside, package)], **school.choice("SFZ-1-EVE"))
    asking = ask_all(school, "course.book-step", outside[2:], **school.choice("SFZ-1-DAY"))

    assert school.timetable.crowd(SINGLY) == []

    assert school.timetable.codes(leaving) == ["done"]
    assert Counter(school.timetable.codes(asking)) == {"session_full": 3}
    assert school.timetable.who(session) == [outside[0][0]]
    assert school.progress(outside[0][1])["SFZ-1"] == "BOOKED"
    assert school.timetable.studio.audit() == []


def _done(school: School, kind: str, asked: list[tuple[str, dict[str, Any]]]) -> list[int]:
    jobs = school.timetable.ask_all(kind, asked, org="thrive")
    school.timetable.work()
    return jobs


# What the studio does meanwhile.


def test_whoever_takes_a_step_while_its_session_is_called_off_has_it_open_again(school: School) -> None:
    held = list(enrolled(school, called("student", 12)).items())
    for number in range(6):
        session = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=30 + number), capacity=12)
        choice = school.choice("SFZ-1-DAY", session)
        for name, package in held[:4]:
            school.book(name, package, "SFZ-1-DAY", session)
        coming = ask_all(school, "course.book-step", held[4:8], **choice)
        calling_off = school.timetable.ask_of_session("session.cancel", session)
        coming += ask_all(school, "course.book-step", held[8:], **choice)

        assert school.timetable.crowd(SINGLY) == []

        assert school.timetable.codes([calling_off]) == ["done"]
        # Who comes too late finds it called off, or that it serves the step no more.
        assert {*school.timetable.codes(coming)} <= {"done", "session_cancelled"}
        assert school.timetable.active(session) == 0
        assert {school.progress(package)["SFZ-1"] for _, package in held} <= {"CANCELLED", "UNBOOKED"}
        assert {tuple(school.timetable.left(package)) for _, package in held} == {(3, 2)}
    assert school.timetable.studio.audit() == []


def test_whoever_takes_a_step_while_its_session_is_moved_is_there_at_its_new_time(school: School) -> None:
    held = list(enrolled(school, called("student", 8), school.cohort()).items())
    session = school.sessions["SFZ-1-DAY"]
    start = school.start(session) + timedelta(hours=1)
    jobs = ask_all(school, "course.book-step", held[:4], **school.choice("SFZ-1-DAY"))
    moving = school.timetable.ask_of_session("session.move", session, startAt=start.isoformat())
    jobs += ask_all(school, "course.book-step", held[4:], **school.choice("SFZ-1-DAY"))

    assert school.timetable.crowd(SINGLY) == []

    assert school.timetable.codes([moving, *jobs]) == ["done"] * 9
    rows = school.timetable.studio.rows("SELECT DISTINCT start_at FROM bookings WHERE session_id = %(id)s", id=session)
    assert [row["start_at"] for row in rows] == [start]
    assert school.timetable.studio.audit() == []


def test_a_missed_step_is_opened_again_or_marked_anew_and_never_both(school: School) -> None:
    held = enrolled(school, called("student", 10), school.cohort())
    session = school.sessions["SFZ-1-DAY"]
    bookings = {name: school.book(name, package, "SFZ-1-DAY").id for name, package in held.items()}
    long_ago(school.timetable, session)
    assert school.timetable.attend(session, *((each, "NO_SHOW") for each in bookings.values())).code == "done"
    step, opening = school.step("SFZ-1"), list[int]()
    for name, package in held.items():
        said = {"enrollmentId": school.enrollment(package)["id"], "courseStepId": step, "reason": "was ill"}
        opening += school.timetable.ask_all("enrollment.reopen-step", [(name, said)], org="thrive")
    marks = [[{"bookingId": each, "status": "ATTENDED"}] for each in bookings.values()]
    marking = [school.timetable.ask_of_session("session.attend", session, marks=each) for each in marks]

    ticking = [lambda: complete_bookings(school.timetable.engine, at=clock.now())] * 2
    assert school.timetable.crowd(SINGLY, meanwhile=ticking) == []

    ended = list(zip(school.timetable.codes(opening), school.timetable.codes(marking), strict=True))
    assert set(ended) <= {("done", "validation_failed"), ("step_not_booked", "done")}
    stand = [school.progress(package)["SFZ-1"] for package in held.values()]
    assert stand == ["UNBOOKED" if opened == "done" else "COMPLETED" for opened, _ in ended]
    assert school.timetable.studio.audit() == []
