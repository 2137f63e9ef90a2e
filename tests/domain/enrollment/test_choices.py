"""Which options of a step count for a student: those that their cohort gives a session, as long as it is ahead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import soon
from tests.school import School


@pytest.fixture
def package(school: School) -> int:
    """Give Ada's course in a cohort that takes its first step by day alone."""
    del school.sessions["SFZ-1-EVE"]
    return school.enroll("ada", school.cohort())


def test_what_the_cohort_gives_no_session_is_no_choice(school: School, package: int) -> None:
    elsewhere = school.meet("SFZ-1-EVE", soon(30, 18))
    school.cancel("ada", package, "SFZ-1")

    assert school.book("ada", package, "SFZ-1-EVE").code == "invalid_option"
    assert school.book("ada", package, "SFZ-1-EVE", elsewhere).code == "invalid_option"
    assert school.book("ada", package, "SFZ-1-DAY").code == "done"


def test_the_only_one_that_has_a_session_is_booked_with_the_purchase(school: School, package: int) -> None:
    assert school.progress(package) == {
        "SFZ-1": "BOOKED", "SFZ-2": "UNBOOKED", "SFZ-3": "UNBOOKED", "SFZ-4": "BOOKED",
    }  # fmt: skip
    assert school.timetable.who(school.sessions["SFZ-1-DAY"]) == ["ada"]


@pytest.mark.parametrize("over", ["called off", "begun"])
def test_where_its_session_is_over_all_of_them_are_choices(
    school: School, package: int, now: FrozenDateTimeFactory, over: str
) -> None:
    session = school.sessions["SFZ-1-DAY"]
    elsewhere = school.meet("SFZ-1-EVE", soon(30, 18))
    school.cancel("ada", package, "SFZ-1")
    if over == "begun":
        now.move_to(school.start(session) + timedelta(minutes=1))
    else:
        school.timetable.call_off(session)

    done = school.book("ada", package, "SFZ-1-EVE", elsewhere)

    assert (done.code, done.booking["sessionId"]) == ("done", elsewhere)
