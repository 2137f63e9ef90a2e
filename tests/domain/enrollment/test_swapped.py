"""Who changed to another cohort of the course, and whose money goes back then: the place in that one is free."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import give_back
from tests.refunding import Till
from tests.school import School
from tests.timetable import Timetable


@pytest.fixture
def swapped(school: School) -> tuple[int, int, int, int]:
    """Swap the places of ada and bea in two cohorts of one place each; return the cohorts, and their packages."""
    winter, spring = school.cohort("WINTER", capacity=1), school.cohort("SPRING", capacity=1)
    ada, bea = school.enroll("ada", winter), school.enroll("bea", spring)
    for package, cohort in ((ada, None), (bea, winter), (ada, spring)):
        assert school.assign(package, cohort).code == "done"
    return winter, spring, ada, bea


def places(school: School, *packages: int) -> list[tuple[str, int | None, int | None]]:
    rows = [school.enrollment(package) for package in packages]
    return [(row["status"], row["cohort_id"], row["place"]) for row in rows]


def test_a_refund_frees_the_place_that_was_swapped_for_and_not_the_first_one(
    school: School, timetable: Timetable, swapped: tuple[int, int, int, int]
) -> None:
    winter, spring, ada, bea = swapped
    till = Till(timetable)

    till.answer(till.refund(ada).job)

    cleo, dora = school.enroll("cleo", spring), school.enroll("dora", winter)
    assert places(school, ada, bea) == [("REVOKED", spring, None), ("ACTIVE", winter, 1)]
    assert places(school, cleo, dora) == [("ACTIVE", spring, 1), ("NEEDS_REVIEW", None, None)]
    assert set(school.progress(ada).values()) == {"CANCELLED"}
    assert school.progress(bea)["SFZ-4"] == "BOOKED"
    assert timetable.studio.audit() == []


def test_a_refund_that_fails_brings_back_to_the_cohort_that_was_swapped_for(
    school: School, timetable: Timetable, swapped: tuple[int, int, int, int]
) -> None:
    winter, spring, ada, bea = swapped
    give_back(timetable, ada)

    give_back(timetable, ada, "failed")

    assert places(school, ada, bea) == [("ACTIVE", spring, 1), ("ACTIVE", winter, 1)]
    assert timetable.studio.audit() == []


def test_a_refund_that_fails_after_the_place_went_waits_for_staff(
    school: School, timetable: Timetable, swapped: tuple[int, int, int, int]
) -> None:
    winter, spring, ada, bea = swapped
    give_back(timetable, ada)
    cleo = school.enroll("cleo", spring)

    give_back(timetable, ada, "failed")

    assert school.enrollment(ada)["review_reason"] == "COHORT_FULL"
    assert places(school, ada, bea, cleo) == [
        ("NEEDS_REVIEW", None, None),
        ("ACTIVE", winter, 1),
        ("ACTIVE", spring, 1),
    ]
    assert timetable.studio.audit() == []


def test_steps_that_were_booked_before_and_after_go_with_the_money(
    school: School, timetable: Timetable, swapped: tuple[int, int, int, int]
) -> None:
    _, _, ada, _ = swapped
    assert school.book("ada", ada, "SFZ-1-DAY").code == "done"
    before = timetable.kinds("ada")

    give_back(timetable, ada)

    rows = timetable.studio.rows("SELECT DISTINCT status FROM bookings WHERE student_package_id = %(id)s", id=ada)
    assert [row["status"] for row in rows] == ["CANCELLED"]
    assert timetable.kinds("ada")[len(before) :].count("enrollment.revoked") == 1
    assert timetable.active(school.sessions["SFZ-1-DAY"]) == 0
