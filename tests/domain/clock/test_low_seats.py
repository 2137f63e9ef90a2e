"""Dates of courses that are nearly full: staff are told once."""

from __future__ import annotations

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain.clock import low_seats
from tests.domain.clock.hours import events, run, side_by_side, written
from tests.school import School
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import alert_low_seats

KIND = "session.low_seats"


@pytest.fixture
def school(timetable: Timetable, now: FrozenDateTimeFactory) -> School:
    assert now
    school = School(timetable)
    school.plan(capacity=4)
    # Whoever enrolls is in the only date of the last step.
    timetable.studio.rows("UPDATE class_sessions SET capacity = 50 WHERE id = %(id)s", id=school.sessions["SFZ-4-EVE"])
    return school


def fill(school: School, code: str, number: int) -> None:
    for student in range(number):
        name = f"s-{code.lower()}-{student}"
        assert school.book(name, school.enroll(name), code).code == "done"


def test_staff_are_told_once_when_as_few_places_are_left_as_they_said(timetable: Timetable, school: School) -> None:
    session = school.sessions["SFZ-1-DAY"]
    fill(school, "SFZ-1-DAY", 1)
    enough = run(alert_low_seats, timetable)
    fill(school, "SFZ-1-EVE", 2)

    counts = run(alert_low_seats, timetable), run(alert_low_seats, timetable)

    evening = school.sessions["SFZ-1-EVE"]
    assert (enough, counts) == (0, (1, 0))
    assert events(timetable, KIND) == [f"session/{evening}"]
    assert written(timetable, KIND) == [f"session:{evening}"]
    row = timetable.studio.one("SELECT student_id, sequence, data FROM domain_events WHERE type = 'session.low_seats'")
    assert (row["student_id"], row["sequence"]) == (None, None)
    assert (row["data"]["taken"], row["data"]["capacity"], row["data"]["sessionId"]) == (2, 4, evening)
    assert session != evening


def test_without_an_address_for_staff_only_the_event_is_told(timetable: Timetable, school: School) -> None:
    timetable.studio.rows("UPDATE organizations SET staff_email = NULL")
    fill(school, "SFZ-1-DAY", 2)

    assert run(alert_low_seats, timetable) == 1
    assert (len(events(timetable, KIND)), written(timetable, KIND)) == (1, [])


def test_each_organization_says_how_few_are_few(timetable: Timetable, school: School) -> None:
    timetable.studio.rows("UPDATE organizations SET low_seats_threshold = 0")
    fill(school, "SFZ-1-DAY", 3)
    still_one = run(alert_low_seats, timetable)
    fill(school, "SFZ-1-EVE", 4)

    assert (still_one, run(alert_low_seats, timetable)) == (0, 1)


def test_free_seats_count_where_there_are_any(timetable: Timetable, school: School) -> None:
    timetable.studio.rows("UPDATE organizations SET low_seats_threshold = 1")
    timetable.studio.rows(
        "INSERT INTO seats (organization_id, group_class_id, position, label)"
        " SELECT organization_id, id, n, 'S' || n FROM group_classes, generate_series(1, 2) n WHERE code = 'SFZ-1-DAY'"
    )
    before = run(alert_low_seats, timetable)
    fill(school, "SFZ-1-DAY", 1)

    assert (before, run(alert_low_seats, timetable)) == (0, 1)


def test_what_is_over_or_called_off_or_serves_no_course_concerns_nobody(
    timetable: Timetable, school: School, now: FrozenDateTimeFactory
) -> None:
    fill(school, "SFZ-1-DAY", 3)
    fill(school, "SFZ-2-DAY", 3)
    timetable.call_off(school.sessions["SFZ-2-DAY"])
    timetable.session(clock.now().replace(day=30), capacity=1)
    assert run(alert_low_seats, timetable) == 1
    timetable.studio.rows("UPDATE class_sessions SET low_seats_at = NULL")
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]))

    assert run(alert_low_seats, timetable) == 0


def test_many_at_once_tell_each_once(timetable: Timetable, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_seats, "FIND", low_seats.FIND.replace(f"LIMIT {low_seats.MOST}", "LIMIT 2"))
    timetable.studio.rows("UPDATE organizations SET low_seats_threshold = 50")

    together = side_by_side(alert_low_seats, timetable.engine, clock.now()) + run(alert_low_seats, timetable)

    assert together == len(set(events(timetable, KIND))) == len(school.sessions)


def test_nobody_is_told_of_a_course_that_is_not_on_sale_until_it_is(timetable: Timetable, school: School) -> None:
    fill(school, "SFZ-1-DAY", 3)
    timetable.studio.rows("UPDATE products SET active = FALSE WHERE code = 'SFZ'")
    unpublished = run(alert_low_seats, timetable)
    timetable.studio.rows("UPDATE products SET active = TRUE WHERE code = 'SFZ'")

    assert (unpublished, run(alert_low_seats, timetable)) == (0, 1)
