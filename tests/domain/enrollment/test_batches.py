"""Commands that are decided together end as they do one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.school import School
from worker import clock

TOGETHER = pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])


def run(school: School, *wanted: tuple[str, str, dict[str, Any]], apart: bool) -> list[str]:
    """Do commands, of a student each, one by one or in a batch; return what each ended in."""
    jobs = []
    for kind, student, said in wanted:
        jobs.append(school.timetable.ask(kind, student, org="thrive", **said))
        if apart:
            school.timetable.work()
    school.timetable.work()
    return school.timetable.codes(jobs)


def of(package: int, **said: Any) -> dict[str, Any]:
    return {"packageId": package} | said


def assigned(school: School, package: int, cohort: int | None) -> dict[str, Any]:
    return {"enrollmentId": school.enrollment(package)["id"], "cohortId": cohort}


def places(school: School, code: str, capacity: int) -> int:
    """Let a session have so many places; return it."""
    session = school.sessions[code]
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = %(n)s WHERE id = %(id)s", n=capacity, id=session)
    return session


@TOGETHER
def test_a_step_is_booked_changed_and_cancelled(school: School, *, apart: bool) -> None:
    package = school.enroll("ada")

    ended = run(
        school,
        ("course.book-step", "ada", of(package, **school.choice("SFZ-1-DAY"))),
        ("course.change-step", "ada", of(package, **school.choice("SFZ-1-EVE"))),
        ("course.cancel-step", "ada", of(package, courseStepId=school.step("SFZ-1"))),
        apart=apart,
    )

    assert ended == ["done", "done", "done"]
    assert school.timetable.left(package) == [3, 2]


@TOGETHER
def test_a_step_is_changed_twice(school: School, *, apart: bool) -> None:
    package = school.enroll("ada")
    later = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=9))
    school.book("ada", package, "SFZ-1-DAY")

    ended = run(
        school,
        ("course.change-step", "ada", of(package, **school.choice("SFZ-1-EVE"))),
        ("course.change-step", "ada", of(package, **school.choice("SFZ-1-DAY", later))),
        apart=apart,
    )

    assert ended == ["done", "done"]
    assert school.timetable.who(later) == ["ada"]


@TOGETHER
@pytest.mark.parametrize("to_cohort", [True, False])
def test_who_gets_another_cohort_books_there(school: School, *, apart: bool, to_cohort: bool) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    school.meet("SFZ-1-DAY", clock.now() + timedelta(days=2), capacity=60)
    package = school.enroll("ada", None if to_cohort else winter)

    ended = run(
        school,
        ("enrollment.assign-cohort", "ada", assigned(school, package, spring if to_cohort else None)),
        ("course.book-step", "ada", of(package, **school.choice("SFZ-1-DAY"))),
        apart=apart,
    )

    assert ended == ["done", "done"]
    assert (school.timetable.who(school.sessions["SFZ-1-DAY"]) == ["ada"]) is to_cohort


@TOGETHER
def test_a_place_in_a_cohort_that_one_leaves_is_for_the_next(school: School, *, apart: bool) -> None:
    winter, spring = school.cohort("WINTER", capacity=1), school.cohort("SPRING")
    ada, bea = school.enroll("ada", winter), school.enroll("bea", winter)

    ended = run(
        school,
        ("enrollment.assign-cohort", "ada", assigned(school, ada, spring)),
        ("enrollment.assign-cohort", "bea", assigned(school, bea, winter)),
        apart=apart,
    )

    assert ended == ["done", "done"]


@TOGETHER
def test_selections_that_are_refused_cost_nobody_a_place_in_line(school: School, *, apart: bool) -> None:
    session = places(school, "SFZ-1-DAY", 1)
    bea, ada = school.enroll("bea"), school.enroll("ada")
    school.book("bea", bea, "SFZ-1-DAY", session)
    impossible = {"courseStepId": school.step("SFZ-2"), "courseStepOptionId": school.option("SFZ-1-DAY")}

    ended = run(
        school,
        ("waitlist.join", "ada", {"sessionId": session}),
        ("course.cancel-step", "bea", of(bea, courseStepId=school.step("SFZ-1"))),
        ("course.book-steps", "ada", of(ada, selections=[school.choice("SFZ-1-DAY", session), impossible])),
        apart=apart,
    )

    assert ended[:2] == ["done", "done"]
    assert school.timetable.line(session) == [("ada", "PROMOTED", None)]
    assert school.timetable.who(session) == ["ada"]


@TOGETHER
def test_a_place_that_is_promised_stays_promised_behind_a_refused_bulk(school: School, *, apart: bool) -> None:
    session = places(school, "SFZ-1-DAY", 1)
    bea, ada, cy = (school.enroll(name) for name in ("bea", "ada", "cy"))
    school.book("bea", bea, "SFZ-1-DAY", session)
    school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=session)
    impossible = {"courseStepId": school.step("SFZ-2"), "courseStepOptionId": school.option("SFZ-1-DAY")}

    ended = run(
        school,
        ("course.cancel-step", "bea", of(bea, courseStepId=school.step("SFZ-1"))),
        ("course.book-steps", "ada", of(ada, selections=[school.choice("SFZ-1-DAY", session), impossible])),
        ("course.book-step", "cy", of(cy, **school.choice("SFZ-1-DAY", session))),
        apart=apart,
    )

    assert ended[2] == "session_full"
    assert school.timetable.who(session) == ["ada"]
