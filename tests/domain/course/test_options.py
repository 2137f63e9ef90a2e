"""Options: classes that serve a step, attached and detached."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.course import option, step
from domain.course.option import NewOption
from domain.errors import InvalidCommand, InvalidField, NotFound
from tests.domain.course.plans import School, course, open_school
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def north(studio: Studio) -> School:
    """Give a school with a course of two steps that is not published."""
    return open_school(studio, course(published=False))


def attach(north: School, class_id: int, label: str = "BAKE-1", *, active: bool = True) -> int:
    with north.planning() as (session, found):
        of = step.one(session, found, north.step_id(label))
        return option.attach(session, found, of, NewOption(class_id, active), at=AT).id


def detach(north: School, code: str, label: str = "BAKE-1") -> int:
    number = north.option_id(code)
    with north.planning() as (session, found):
        of = step.one(session, found, north.step_id(label))
        option.detach(session, found, option.one(session, of, number), at=AT)
    return number


def test_classes_of_groups_and_of_courses_serve_a_step(north: School) -> None:
    attach(north, north.class_id("YOGA"))
    attach(north, north.class_id("BAKE-2-DAY"), active=False)

    assert north.options("BAKE-1") == {"BAKE-1-DAY": True, "BAKE-1-EVE": True, "YOGA": True, "BAKE-2-DAY": False}


def test_an_option_that_is_attached_again_is_the_same(north: School) -> None:
    before = detach(north, "BAKE-1-EVE")
    without = north.options("BAKE-1")

    again = attach(north, north.class_id("BAKE-1-EVE"), active=False)

    assert (again, without) == (before, {"BAKE-1-DAY": True})
    assert north.options("BAKE-1") == {"BAKE-1-DAY": True, "BAKE-1-EVE": False}


def test_what_cannot_serve_a_step_is_refused(north: School) -> None:
    north.studio.rows("UPDATE group_classes SET active = false WHERE code = 'YOGA'")
    ride = north.studio.one("SELECT id FROM group_classes WHERE code = 'RIDE'")["id"]
    impossible = [north.class_id("LESSON"), north.class_id("YOGA"), north.class_id("BAKE-1-DAY"), ride, 10**18]

    for class_id in impossible:
        with pytest.raises(InvalidField) as refused:
            attach(north, class_id)
        assert refused.value.field == "group_class_id"


def test_an_option_takes_bookings_or_not(north: School) -> None:
    number = north.option_id("BAKE-1-DAY")

    with north.planning() as (session, found):
        of = step.one(session, found, north.step_id("BAKE-1"))
        option.change(session, found, option.one(session, of, number), active=False, at=AT)

    assert north.options("BAKE-1") == {"BAKE-1-DAY": False, "BAKE-1-EVE": True}


def test_an_option_is_its_steps_as_long_as_it_is_attached(north: School) -> None:
    number = north.option_id("BAKE-1-EVE")

    with north.planning() as (session, found), pytest.raises(NotFound):
        option.one(session, step.one(session, found, north.step_id("BAKE-2")), number)
    detach(north, "BAKE-1-EVE")
    with pytest.raises(NotFound):
        detach(north, "BAKE-1-EVE")


def test_a_step_has_so_many_options_and_no_more(north: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(option, "MAX_OPTIONS", 2)

    with pytest.raises(InvalidCommand):
        attach(north, north.class_id("YOGA"))
    detach(north, "BAKE-1-EVE")
    attach(north, north.class_id("YOGA"))

    assert north.options("BAKE-1") == {"BAKE-1-DAY": True, "YOGA": True}
