"""Commands beside those of others, and courses beside other courses: none hides what is there for the next."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.booking.world import give_back, soon
from tests.domain.enrollment.test_enroll import story
from tests.school import School


def ask(school: School, kind: str, student: str, package: int, **said: Any) -> int:
    """Store a command about somebody's course, and leave it there."""
    return school.timetable.ask(f"course.{kind}", student, org="thrive", packageId=package, **said)


def shrink(school: School, code: str, capacity: int = 1) -> int:
    """Let the session of a class have so many places; return it."""
    session = school.sessions[code]
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = %(n)s WHERE id = %(id)s", n=capacity, id=session)
    return session


def done(school: School, *jobs: int) -> list[str]:
    school.timetable.work()
    return school.timetable.codes(jobs)


@pytest.mark.parametrize("kind", ["booking.book", "waitlist.join"])
def test_who_comes_by_the_ordinary_way_is_known_beside_who_takes_a_step(school: School, kind: str) -> None:
    cohort, day = school.cohort(), school.sessions["SFZ-1-DAY"]
    ada, _ = school.enroll("ada", cohort), school.enroll("bea", cohort)
    if kind == "waitlist.join":
        shrink(school, "SFZ-1-DAY")
    first = ask(school, "book-step", "ada", ada, **school.choice("SFZ-1-DAY"))
    second = school.timetable.ask(kind, "bea", org="thrive", sessionId=day)

    assert done(school, first, second) == ["done", "done"]


@pytest.mark.parametrize("kind", ["cancel-step", "booking.cancel"])
def test_the_last_place_that_its_student_has_just_left_may_be_taken_again(school: School, kind: str) -> None:
    package = school.enroll("ada")
    shrink(school, "SFZ-1-DAY")
    booked = school.book("ada", package, "SFZ-1-DAY").id
    if kind == "cancel-step":
        first = ask(school, kind, "ada", package, courseStepId=school.step("SFZ-1"))
    else:
        first = school.timetable.ask(kind, "ada", org="thrive", bookingId=booked)
    second = ask(school, "book-step", "ada", package, **school.choice("SFZ-1-DAY"))

    assert done(school, first, second) == ["done", "done"]
    assert school.timetable.who(school.sessions["SFZ-1-DAY"]) == ["ada"]


def test_what_a_command_has_filled_is_full_for_the_next_and_hides_nothing_behind_it(school: School) -> None:
    ada, bea = school.enroll("ada"), school.enroll("bea")
    shrink(school, "SFZ-1-DAY")
    later = school.meet("SFZ-1-DAY", soon(30, 14))
    clash = school.timetable.session(soon(30, 14), org="thrive", minutes=30)
    school.timetable.do("booking.book", "bea", org="thrive", sessionId=clash, confirmHigherTier=True)
    jobs = [
        ask(school, "book-step", name, each, **school.choice("SFZ-1-DAY"))
        for name, each in (("ada", ada), ("bea", bea))
    ]

    # Bea is elsewhere at the time of the one that is left.
    assert done(school, *jobs) == ["done", "time_conflict"]
    assert school.timetable.who(later) == []


def test_the_course_that_ends_first_pays_also_where_the_batch_has_moved_its_end(school: School) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    school.course(validity_days=60, validity_starts="FIRST_USE")
    ada = school.enroll("ada", winter)
    other = school.enroll("ada", spring)
    school.cancel("ada", ada, "SFZ-4")
    # Each ends some days after its first session; the first has no end once that is given up.
    school.book("ada", ada, "SFZ-1-DAY")
    school.book("ada", other, "SFZ-2-DAY")
    giving = ask(school, "cancel-step", "ada", ada, courseStepId=school.step("SFZ-1"))
    taking = school.timetable.ask("booking.book", "ada", org="thrive", sessionId=school.sessions["SFZ-3-DAY"])

    assert done(school, giving, taking) == ["done", "done"]
    assert school.timetable.outcome(taking).booking["studentPackageId"] == other


def test_a_course_whose_money_went_back_is_in_nobodys_way(school: School) -> None:
    first = school.enroll("ada", school.cohort("WINTER"))
    give_back(school.timetable, first)
    package = school.enroll("ada", school.cohort("SPRING"))

    booked = school.timetable.do("booking.book", "ada", org="thrive", sessionId=school.sessions["SFZ-1-DAY"])

    assert (booked.code, booked.booking["studentPackageId"]) == ("done", package)
    assert school.assign(first, None).code == "enrollment_required"


def test_who_is_settled_anew_takes_the_last_place_again_that_was_theirs(school: School) -> None:
    session = shrink(school, "SFZ-4-EVE")
    # The cohort has no session for it: any will do, before and after.
    del school.sessions["SFZ-4-EVE"]
    checkout, paid = story(school, school.cohort())
    school.timetable.studio.deliver(paid)
    assert school.timetable.who(session) == ["ada"]

    school.timetable.studio.deliver(checkout)

    assert school.timetable.who(session) == ["ada"]
    assert school.progress(1)["SFZ-4"] == "BOOKED"


def test_who_takes_a_later_step_by_a_change_skips_those_before(school: School) -> None:
    package = school.enroll("ada", school.cohort())
    school.timetable.buy("ada", "BUNDLE-5P-3G")
    lesson = school.timetable.session(soon(2), org="thrive", minutes=30)
    booked = school.timetable.do("booking.book", "ada", org="thrive", sessionId=lesson)

    said = {"bookingId": booked.id, "sessionId": school.sessions["SFZ-2-DAY"]}
    changed = school.timetable.do("booking.change", "ada", org="thrive", **said)

    assert changed.booking["courseStepId"] == school.step("SFZ-2")
    assert school.progress(package)["SFZ-1"] == "UNBOOKED*"
