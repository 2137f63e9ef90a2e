"""Steps that are open while a date is near: told once a week, where the organization wants it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain.clock import unbooked
from tests.domain.booking.world import contest, give_back, soon
from tests.domain.clock.hours import addressed, run, side_by_side, written
from tests.school import School
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import tell_unbooked

KIND = "step.unbooked"
DAY = timedelta(days=1)


@pytest.fixture
def school(timetable: Timetable, now: FrozenDateTimeFactory) -> School:
    """Give a course whose first step has dates in ten days; the others follow two days after each other."""
    assert now
    school = School(timetable)
    school.plan(first=10)
    return school


def row_of(timetable: Timetable, package: int, label: str) -> int:
    row = timetable.studio.one(
        "SELECT y.id FROM student_course_step_progress y JOIN course_steps s ON s.id = y.course_step_id"
        " JOIN student_course_enrollments e ON e.id = y.enrollment_id"
        " WHERE e.student_package_id = %(package)s AND s.label = %(label)s",
        package=package,
        label=label,
    )
    return int(row["id"])


def test_an_open_step_is_told_of_once_its_first_date_is_within_a_week(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory
) -> None:
    package = school.enroll("ada")
    addressed(timetable)
    first = school.start(school.sessions["SFZ-1-DAY"])
    now.move_to(first - 7 * DAY - timedelta(seconds=1))
    early = run(tell_unbooked, timetable)
    now.move_to(first - 7 * DAY)

    counts = run(tell_unbooked, timetable), run(tell_unbooked, timetable)

    assert (early, counts) == (0, (1, 0))
    assert written(timetable, KIND) == [f"progress:{row_of(timetable, package, 'SFZ-1')}:{first:%G-W%V}"]


def test_it_is_told_once_a_week_as_long_as_it_is_open(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory
) -> None:
    package = school.enroll("ada")
    addressed(timetable)
    first = school.start(school.sessions["SFZ-1-DAY"])
    school.meet("SFZ-1-EVE", first + 9 * DAY)

    for day in range(7, -10, -1):
        now.move_to(first - day * DAY)
        run(tell_unbooked, timetable)

    mine = row_of(timetable, package, "SFZ-1")
    told = [key for key in written(timetable, KIND) if key.startswith(f"progress:{mine}:")]
    assert told == [f"progress:{mine}:{first:%G-W%V}", f"progress:{mine}:{first + 9 * DAY:%G-W%V}"]


def test_what_is_booked_is_not_told_of_and_what_was_cancelled_is(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory
) -> None:
    package = school.enroll("ada")
    addressed(timetable)
    for code in ("SFZ-1-DAY", "SFZ-2-DAY"):
        assert school.book("ada", package, code).code == "done"
    assert school.cancel("ada", package, "SFZ-2").code == "done"

    now.move_to(school.start(school.sessions["SFZ-2-DAY"]) - 5 * DAY)
    run(tell_unbooked, timetable)

    told = [int(key.split(":")[1]) for key in written(timetable, KIND)]
    assert row_of(timetable, package, "SFZ-1") not in told
    assert row_of(timetable, package, "SFZ-2") in told


def test_in_a_cohort_only_its_own_dates_count(timetable: Timetable, school: School, now: FrozenDateTimeFactory) -> None:
    cohort = school.cohort()
    school.enroll("ada", cohort)
    addressed(timetable)
    school.meet("SFZ-1-DAY", soon(2))

    near = run(tell_unbooked, timetable)
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - 7 * DAY)

    assert (near, run(tell_unbooked, timetable)) == (0, 1)


def test_a_date_that_is_full_is_none(timetable: Timetable, school: School, now: FrozenDateTimeFactory) -> None:
    timetable.studio.rows("UPDATE class_sessions SET capacity = 1")
    eve, bob, ada = (school.enroll(name) for name in ("eve", "bob", "ada"))
    assert school.book("eve", eve, "SFZ-1-DAY").code == school.book("bob", bob, "SFZ-1-EVE").code == "done"
    addressed(timetable)
    now.move_to(school.start(school.sessions["SFZ-1-EVE"]) - 7 * DAY)
    full = run(tell_unbooked, timetable)

    assert school.cancel("bob", bob, "SFZ-1").code == "done"
    run(tell_unbooked, timetable)

    assert full == 0
    told = [int(key.split(":")[1]) for key in written(timetable, KIND)]
    assert sorted(told) == sorted(row_of(timetable, each, "SFZ-1") for each in (bob, ada))


@pytest.mark.parametrize("reason", ["flag", "refunded", "disputed", "address"])
def test_nobody_is_told_where_it_is_not_wanted_or_not_true(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory, reason: str
) -> None:
    package = school.enroll("ada")
    addressed(timetable)
    if reason == "flag":
        timetable.studio.rows("UPDATE organizations SET unbooked_step_reminders = FALSE")
    if reason == "refunded":
        give_back(timetable, package)
    if reason == "disputed":
        contest(timetable, package)
    if reason == "address":
        timetable.studio.rows("UPDATE students SET email = NULL")

    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - 7 * DAY)

    assert run(tell_unbooked, timetable) == 0


@pytest.mark.parametrize(("days", "count"), [(9, 0), (11, 1)])
def test_a_date_beyond_the_end_of_what_was_bought_is_none(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory, days: int, count: int
) -> None:
    school.course(validity_days=days)
    school.enroll("ada")
    addressed(timetable)

    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - 7 * DAY)

    assert run(tell_unbooked, timetable) == count


def test_many_at_once_in_small_batches_tell_each_once(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unbooked, "TELL", unbooked.TELL.replace(f"LIMIT {unbooked.MOST}", "LIMIT 2"))
    for name in ("ada", "bob", "cy", "eve", "fay"):
        school.enroll(name)
    addressed(timetable)
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - 7 * DAY)

    together = side_by_side(tell_unbooked, timetable.engine, clock.now())

    assert together == 5
    assert len(set(written(timetable, KIND))) == 5
