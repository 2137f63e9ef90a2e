"""Steps: in an order without gaps, whatever is added, moved and removed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from db.models import EnrollmentStatus, StepStatus
from domain.course import step
from domain.course.entries import MAX_STEPS
from domain.course.option import NewOption
from domain.errors import InvalidCommand, InvalidField, NotFound
from tests.domain.course.plans import School, course, open_school
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def north(studio: Studio) -> School:
    """Give a school with a course of two steps that is not published."""
    return open_school(studio, course(published=False))


def values(label: str, **members: Any) -> dict[str, Any]:
    return {"label": label, "title": label, "summary": None, "is_required": True} | members


def create(north: School, label: str, *options: NewOption, **members: Any) -> int:
    with north.planning() as (session, found):
        return step.create(session, found, values(label, **members), options, at=AT).id


def order(north: School, *labels: str) -> None:
    ids = [north.step_id(label) for label in labels]
    with north.planning() as (session, found):
        step.put_in_order(session, found, ids)


def remove(north: School, label: str) -> int:
    number = north.step_id(label)
    with north.planning() as (session, found):
        return step.remove(session, found, step.one(session, found, number), at=AT)


def test_a_step_is_added_behind_the_others(north: School) -> None:
    create(north, "BAKE-3", is_required=False, summary="More\nof it")

    row = north.studio.one("SELECT * FROM course_steps WHERE label = 'BAKE-3'")
    assert (row["position"], row["is_required"], row["summary"], row["created_at"]) == (3, False, "More\nof it", AT)


def test_a_step_brings_its_options(north: School) -> None:
    create(north, "BAKE-3", NewOption(north.class_id("YOGA")), NewOption(north.class_id("BAKE-1-DAY"), active=False))

    assert north.options("BAKE-3") == {"YOGA": True, "BAKE-1-DAY": False}


def test_an_option_that_cannot_serve_it_is_named(north: School) -> None:
    with pytest.raises(InvalidField) as refused:
        create(north, "BAKE-3", NewOption(north.class_id("YOGA")), NewOption(north.class_id("LESSON")))
    with pytest.raises(InvalidField) as twice:
        create(north, "BAKE-3", *[NewOption(north.class_id("YOGA"))] * 2)

    assert (refused.value.field, twice.value.field) == ("options.1.group_class_id", "options")


def test_a_label_names_one_step(north: School) -> None:
    with pytest.raises(InvalidField) as taken:
        create(north, "BAKE-1")
    with pytest.raises(InvalidField) as renamed, north.planning() as (session, found):
        step.change(session, step.one(session, found, north.step_id("BAKE-2")), {"label": "BAKE-1"})

    assert (taken.value.field, renamed.value.field) == ("label", "label")


def test_the_label_of_a_step_that_was_removed_is_free_for_another(north: School) -> None:
    before = north.step_id("BAKE-1")
    remove(north, "BAKE-1")

    made = create(north, "BAKE-1")

    assert made != before
    assert north.labels() == [(1, "BAKE-2"), (2, "BAKE-1")]


def test_a_step_changes_what_is_named(north: School) -> None:
    with north.planning() as (session, found):
        step.change(session, step.one(session, found, north.step_id("BAKE-2")), {"title": "Rye", "is_required": False})

    row = north.studio.one("SELECT * FROM course_steps WHERE label = 'BAKE-2'")
    assert (row["title"], row["is_required"], row["position"]) == ("Rye", False, 2)


def test_steps_take_any_order(north: School) -> None:
    for label in ("BAKE-3", "BAKE-4"):
        create(north, label)

    order(north, "BAKE-4", "BAKE-1", "BAKE-3", "BAKE-2")

    assert north.labels() == [(1, "BAKE-4"), (2, "BAKE-1"), (3, "BAKE-3"), (4, "BAKE-2")]


@pytest.mark.parametrize("asked", [[], [0], [0, 0], [0, 1, 1], [0, 1, 2], [0, 10**18]])
def test_an_order_names_every_step_once(north: School, asked: list[int]) -> None:
    other = north.studio.one("SELECT id FROM course_steps WHERE label = 'SFZ-1'")["id"]
    known = [north.step_id("BAKE-1"), north.step_id("BAKE-2"), other]
    ids = [known[each] if each < 3 else each for each in asked]

    with pytest.raises(InvalidField) as refused, north.planning() as (session, found):
        step.put_in_order(session, found, ids)

    assert refused.value.field == "step_ids"
    assert north.labels() == [(1, "BAKE-1"), (2, "BAKE-2")]


def test_a_step_that_is_removed_stays_with_whoever_has_it(north: School) -> None:
    create(north, "BAKE-3")
    has = {"BAKE-1": StepStatus.UNBOOKED, "BAKE-2": StepStatus.UNBOOKED}
    north.enroll("ada", 1, steps=has)
    north.enroll("eve", 2, steps={"BAKE-1": StepStatus.CANCELLED})
    north.enroll("bob", 3, steps={"BAKE-1": StepStatus.COMPLETED})
    north.enroll("out", status=EnrollmentStatus.REVOKED, steps=has)
    north.enroll("new", status=EnrollmentStatus.NEEDS_REVIEW, steps=has)

    still_open = remove(north, "BAKE-1")

    assert still_open == 3
    assert north.labels() == [(1, "BAKE-2"), (2, "BAKE-3")]
    assert north.studio.count("student_course_step_progress") == 8
    gone = north.studio.one("SELECT * FROM course_steps WHERE label = 'BAKE-1'")
    assert (gone["deleted_at"], gone["position"]) == (AT, 1)
    with pytest.raises(NotFound), north.planning() as (session, found):
        step.one(session, found, gone["id"])


def test_a_course_has_so_many_steps_and_no_more(north: School) -> None:
    with north.planning() as (session, found):
        for number in range(MAX_STEPS - 2):
            step.create(session, found, values(f"S-{number}"), (), at=AT)

    with pytest.raises(InvalidCommand):
        create(north, "ONE-MORE")


def test_a_step_is_its_courses(north: School) -> None:
    other = north.studio.one("SELECT id FROM course_steps WHERE label = 'SFZ-1'")["id"]

    with pytest.raises(NotFound), north.planning() as (session, found):
        step.one(session, found, other)
