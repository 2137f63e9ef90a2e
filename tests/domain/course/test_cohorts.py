"""Cohorts: their places, and which session serves which option."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from db.models import EnrollmentStatus
from db.transaction import reading
from domain.course import cohort, program
from domain.course.cohort import CohortChange
from domain.course.cohort_session import Serving
from domain.errors import InvalidCommand, InvalidField, NotFound
from domain.listing import Part
from tests.domain.course.plans import School, course, open_school
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE = datetime(2036, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def north(studio: Studio) -> School:
    """Give a school with a course that is not published, and has a cohort of ten."""
    return open_school(studio, course(published=False))


def serving(north: School, *codes: str) -> list[Serving]:
    return [Serving(north.option_id(code), north.session_id(code)) for code in codes]


def create(north: School, sessions: list[Serving], **members: Any) -> int:
    values = {"code": "SPRING", "name": "Spring", "capacity": 5, "enrollment_deadline": DEADLINE} | members
    with north.planning() as (session, found):
        return cohort.create(session, found, values, sessions, at=AT).id


def change(north: School, sessions: list[Serving] | None = None, **values: Any) -> None:
    number = north.cohort_id()
    with north.planning() as (session, found):
        held = cohort.held(session, found, number)
        cohort.change(session, found, held, CohortChange(values, sessions), at=AT)


def remove(north: School) -> None:
    number = north.cohort_id()
    with north.planning() as (session, found):
        cohort.remove(session, cohort.held(session, found, number), at=AT)


def test_a_cohort_is_made_with_its_sessions(north: School) -> None:
    create(north, serving(north, "BAKE-1-EVE", "BAKE-2-DAY"))

    row = north.studio.one("SELECT * FROM course_cohorts WHERE code = 'SPRING'")
    assert (row["name"], row["capacity"], row["enrollment_deadline"]) == ("Spring", 5, DEADLINE)
    assert north.serving()[:2] == [("SPRING", "BAKE-1-EVE"), ("SPRING", "BAKE-2-DAY")]


def test_sessions_are_replaced_whole_and_stay_where_they_are_not_named(north: School) -> None:
    change(north, name="Cold")
    kept = north.serving()
    change(north, serving(north, "BAKE-1-EVE"))

    assert kept == [("WINTER", "BAKE-1-DAY"), ("WINTER", "BAKE-2-DAY")]
    assert north.serving() == [("WINTER", "BAKE-1-EVE")]
    change(north, [])
    assert north.serving() == []


def test_the_session_of_an_option_that_was_detached_stays(north: School) -> None:
    north.studio.rows(
        "UPDATE course_step_options SET deleted_at = created_at WHERE id = %(id)s", id=north.option_id("BAKE-1-DAY")
    )

    change(north, serving(north, "BAKE-2-DAY"))

    assert north.serving() == [("WINTER", "BAKE-1-DAY"), ("WINTER", "BAKE-2-DAY")]
    with reading(north.studio.engine) as session:
        (shown,) = cohort.cohorts(session, program.one(session, north.id, "BAKE"), Part(10))
    assert shown.sessions == tuple(serving(north, "BAKE-2-DAY"))


def test_what_cannot_serve_is_told_with_its_place(north: School) -> None:
    good, (other,) = serving(north, "BAKE-1-DAY"), serving(north, "BAKE-2-DAY")
    foreign = north.studio.one(
        "SELECT o.id FROM course_step_options o JOIN course_steps s ON s.id = o.course_step_id WHERE label = 'SFZ-4'"
    )["id"]
    impossible = [
        (Serving(foreign, other.session_id), "course_step_option_id"),
        (Serving(10**18, other.session_id), "course_step_option_id"),
        (Serving(good[0].course_step_option_id, north.session_id("BAKE-1-EVE")), "course_step_option_id"),
        (Serving(other.course_step_option_id, 10**18), "session_id"),
        (Serving(other.course_step_option_id, good[0].session_id), "session_id"),
    ]

    for wrong, field in impossible:
        with pytest.raises(InvalidField) as refused:
            create(north, [*good, wrong])
        assert refused.value.field == f"sessions.1.{field}"
    assert north.studio.count("course_cohorts") == 1


def test_a_session_serves_one_step_in_a_cohort(north: School) -> None:
    north.studio.rows(
        "UPDATE course_step_options SET group_class_id = %(id)s WHERE id = %(option)s",
        id=north.class_id("BAKE-1-DAY"),
        option=north.option_id("BAKE-2-DAY"),
    )
    both = north.studio.rows(
        "SELECT id FROM course_step_options WHERE group_class_id = %(id)s", id=north.class_id("BAKE-1-DAY")
    )

    with pytest.raises(InvalidField) as refused:
        create(north, [Serving(row["id"], north.session_id("BAKE-1-DAY")) for row in both])

    assert (refused.value.field, len(both)) == ("sessions.1.session_id", 2)


@pytest.mark.parametrize("said", ["status = 'CANCELLED'", "arranged = true"])
def test_a_session_that_nobody_else_can_come_to_serves_nothing_anew(north: School, said: str) -> None:
    number = north.session_id("BAKE-1-EVE")
    north.studio.rows(f"UPDATE class_sessions SET {said} WHERE id = %(id)s", id=number)

    with pytest.raises(InvalidField) as refused:
        create(north, serving(north, "BAKE-1-EVE"))

    assert refused.value.field == "sessions.0.session_id"


def test_one_that_was_called_off_may_stay(north: School) -> None:
    north.studio.rows(
        "UPDATE class_sessions SET status = 'CANCELLED' WHERE id = %(id)s", id=north.session_id("BAKE-1-DAY")
    )

    change(north, serving(north, "BAKE-1-DAY", "BAKE-2-DAY"), name="Cold")

    assert north.serving() == [("WINTER", "BAKE-1-DAY"), ("WINTER", "BAKE-2-DAY")]


def test_a_code_names_one_cohort_of_a_course_and_is_free_when_it_is_taken_away(north: School) -> None:
    with pytest.raises(InvalidField) as refused:
        create(north, [], code="WINTER")
    remove(north)
    create(north, [], code="WINTER")

    assert refused.value.field == "code"
    assert [row["deleted_at"] for row in north.studio.rows("SELECT deleted_at FROM course_cohorts ORDER BY id")] == [
        AT,
        None,
    ]


def test_places_that_are_taken_are_not_taken_away_and_move_below_a_new_capacity(north: School) -> None:
    for place in (2, 9, 10):
        north.enroll(f"s{place}", place)
    north.enroll("out", status=EnrollmentStatus.REVOKED)

    with pytest.raises(InvalidField) as refused:
        change(north, capacity=2)
    before = north.places()
    change(north, capacity=3)
    after = north.places()
    change(north, capacity=20)

    assert (refused.value.field, str(refused.value)) == ("capacity", "Choose at least 3: so many places are taken.")
    assert (before, after) == ([(2, 10), (9, 10), (10, 10)], [(1, 3), (2, 3), (3, 3)])
    assert north.places() == [(1, 20), (2, 20), (3, 20)]


def test_the_database_takes_no_place_away_whoever_writes(north: School) -> None:
    north.enroll("ada", 10)

    with pytest.raises(psycopg.errors.CheckViolation, match="place_within_capacity"):
        north.studio.rows("UPDATE course_cohorts SET capacity = 9 WHERE code = 'WINTER'")


@pytest.mark.parametrize("status", [EnrollmentStatus.ACTIVE, EnrollmentStatus.NEEDS_REVIEW])
def test_a_cohort_with_somebody_in_it_is_not_taken_away(north: School, status: EnrollmentStatus) -> None:
    north.enroll("ada", 1 if status is EnrollmentStatus.ACTIVE else None, status=status)

    with pytest.raises(InvalidCommand, match="Somebody is enrolled"):
        remove(north)

    assert north.cohort_id()


def test_a_cohort_that_everybody_left_is_taken_away(north: School) -> None:
    north.enroll("ada", status=EnrollmentStatus.REVOKED)

    remove(north)

    with reading(north.studio.engine) as session:
        assert cohort.cohorts(session, program.one(session, north.id, "BAKE"), Part(10)) == []


def test_cohorts_are_listed_in_parts_with_the_places_that_are_taken(north: School) -> None:
    create(north, [])
    north.enroll("ada", 3)
    north.enroll("eve", 4)

    with reading(north.studio.engine) as session:
        found = program.one(session, north.id, "BAKE")
        shown = cohort.cohorts(session, found, Part(10))
        behind = cohort.cohorts(session, found, Part(10, shown[0].id))

    assert [(each.code, each.capacity, each.places_taken) for each in shown] == [("WINTER", 10, 2), ("SPRING", 5, 0)]
    assert [each.code for each in behind] == ["SPRING"]


def test_a_cohort_is_its_courses(north: School) -> None:
    north.studio.apply(
        {
            "organizations": [
                {
                    "slug": "thrive",
                    "name": "T",
                    "timezone": "America/New_York",
                    "currency": "USD",
                    "credit_price": 1,
                    "courses": [THRIVES],
                }
            ]
        }
    )
    other = north.studio.one("SELECT id FROM course_cohorts WHERE code = 'OTHER'")["id"]

    with pytest.raises(NotFound), north.planning() as (session, found):
        cohort.held(session, found, other)


THRIVES = {
    "code": "X",
    "title": "X",
    "price": 1,
    "validity_days": 1,
    "cohorts": [{"code": "OTHER", "name": "Other", "capacity": 1, "enrollment_deadline": "2036-01-01T00:00"}],
}
