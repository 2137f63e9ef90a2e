"""Many steps at once: what is selected all or nothing, what has one option by itself as far as there is room."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import nothing_written
from tests.school import School


@pytest.fixture
def package(school: School) -> int:
    """Give Ada's course without a date for its last step, which she may book later."""
    package = school.enroll("ada", school.cohort())
    school.cancel("ada", package, "SFZ-4")
    return package


def test_what_is_selected_and_what_has_one_option_are_told_apart(school: School, package: int) -> None:
    done = school.book_all("ada", package, "SFZ-1-DAY", "SFZ-2-EVE", "SFZ-3-DAY")

    assert done.result
    assert done.result["manualSelections"] == [school.step("SFZ-1"), school.step("SFZ-2"), school.step("SFZ-3")]
    assert done.result["autoBooked"] == [school.step("SFZ-4")]
    assert done.result["notBooked"] == []
    booked = [(each["booking"]["courseStepId"], each["progress"]["status"]) for each in done.result["bookings"]]
    assert booked == [(school.step(f"SFZ-{number}"), "BOOKED") for number in (1, 2, 3, 4)]
    assert school.timetable.left(package) == [0, 2]
    assert "*" not in "".join(school.progress(package).values())


def test_some_steps_may_be_left_for_later(school: School, package: int) -> None:
    done = school.book_all("ada", package, "SFZ-2-DAY")

    assert done.code == "done"
    assert school.progress(package) == {"SFZ-1": "UNBOOKED*", "SFZ-2": "BOOKED", "SFZ-3": "UNBOOKED", "SFZ-4": "BOOKED"}


def test_nothing_need_be_selected(school: School, package: int) -> None:
    done = school.book_all("ada", package)

    assert done.result
    assert (done.result["manualSelections"], done.result["autoBooked"]) == ([], [school.step("SFZ-4")])
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_a_step_with_one_option_may_be_selected_like_any_other(school: School, package: int) -> None:
    done = school.book_all("ada", package, "SFZ-4-EVE")

    assert done.result
    assert (done.result["manualSelections"], done.result["autoBooked"]) == ([school.step("SFZ-4")], [])


def test_what_has_one_option_and_no_room_is_listed_and_hinders_nothing(school: School, package: int) -> None:
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-4-EVE"]
    )
    school.enroll("bea", "WINTER")

    done = school.book_all("ada", package, "SFZ-1-DAY")

    assert done.result
    (listed,) = done.result["notBooked"]
    assert (listed["courseStepId"], listed["code"]) == (school.step("SFZ-4"), "session_full")
    assert school.progress(package)["SFZ-1"] == "BOOKED"


@pytest.mark.parametrize("last", ["SFZ-3-DAY", "SFZ-1-EVE"])
def test_of_what_is_selected_one_that_is_impossible_leaves_nothing(school: School, package: int, last: str) -> None:
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-3-DAY"]
    )
    school.book("bea", school.enroll("bea", "WINTER"), "SFZ-3-DAY")
    selections = [school.choice(code) for code in ("SFZ-1-DAY", "SFZ-2-DAY", last)]
    job = school.timetable.ask("course.book-steps", "ada", org="thrive", packageId=package, selections=selections)

    with nothing_written(school.timetable):
        school.timetable.work()

    outcome = school.timetable.outcome(job)
    assert outcome.problem
    assert outcome.code == ("session_full" if last == "SFZ-3-DAY" else "step_already_booked")
    assert outcome.problem["field"] == "selections.2"


def test_selections_that_overlap_are_refused(school: School) -> None:
    package = school.enroll("ada")
    same = school.meet("SFZ-2-DAY", school.start(school.sessions["SFZ-1-DAY"]))
    selections = [school.choice("SFZ-1-DAY", school.sessions["SFZ-1-DAY"]), school.choice("SFZ-2-DAY", same)]

    done = school.do("course.book-steps", "ada", package, selections=selections)

    assert done.code == "time_conflict"
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_commands_of_one_batch_meet_each_other(school: School, package: int) -> None:
    first = school.timetable.ask(
        "course.book-step", "ada", org="thrive", packageId=package, **school.choice("SFZ-1-DAY")
    )
    second = school.timetable.ask(
        "course.change-step", "ada", org="thrive", packageId=package, **school.choice("SFZ-1-EVE")
    )
    third = school.timetable.ask(
        "course.cancel-step", "ada", org="thrive", packageId=package, courseStepId=school.step("SFZ-1")
    )
    school.timetable.work()

    assert school.timetable.codes([first, second, third]) == ["done", "done", "done"]
