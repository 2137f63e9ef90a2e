"""Which sessions of a calendar say that they serve a step of a course."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from db.transaction import reading
from domain.calendar.calendar import Span, calendar, find
from domain.course.marks import CourseMark, marks
from domain.listing import TimedPart
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.webhook_gateway.world import World


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def marked(academy: Academy, *classes: int) -> dict[int, tuple[CourseMark, ...]]:
    with reading(academy.world.engine) as session:
        return marks(session, classes)


def test_a_class_is_marked_with_each_step_that_it_serves(academy: Academy) -> None:
    first, second = academy.steps(academy.course("SFZ"))
    other = academy.steps(academy.course("ABC", "ABC-1"))[0]
    shared = academy.world.group_class(academy.of)
    for step in (second, first, other):
        academy.option(step, shared)
    plain = academy.world.group_class(academy.of)

    found = marked(academy, shared.id, plain.id)

    assert found == {
        shared.id: (
            CourseMark("SFZ", "The SFZ course", first.id, "SFZ-1", 1),
            CourseMark("SFZ", "The SFZ course", second.id, "SFZ-2", 2),
            CourseMark("ABC", "The ABC course", other.id, "ABC-1", 1),
        )
    }


@pytest.mark.parametrize("gone", ["inactive option", "detached option", "removed step", "unpublished", "deleted"])
def test_what_cannot_be_booked_marks_nothing(academy: Academy, gone: str) -> None:
    program = academy.course()
    step = academy.steps(program)[0]
    option = academy.option(step)
    product = academy.product(program)
    changes: dict[str, tuple[Any, dict[str, Any]]] = {
        "inactive option": (option, {"active": False}),
        "detached option": (option, {"deleted_at": AT}),
        "removed step": (step, {"deleted_at": AT}),
        "unpublished": (product, {"active": False}),
        "deleted": (product, {"deleted_at": AT}),
    }
    assert marked(academy, option.group_class_id)

    row, values = changes[gone]
    academy.changed(row, **values)

    assert marked(academy, option.group_class_id) == {}


def test_a_calendar_asks_once_for_all_its_sessions_and_not_at_all_for_none(academy: Academy) -> None:
    counts = []
    span = Span(AT, AT + DAY)
    with counted(academy.world.engine) as statements:
        for more in (0, 1, 5):
            for step in (academy.step(academy.course(f"C-{more}-{number}"), "more") for number in range(more)):
                academy.date(academy.option(step), AT + HOUR)
            statements.clear()
            with reading(academy.world.engine) as session:
                rows = calendar(session, academy.of.id, span, TimedPart(200))
            assert all(row.course_steps for row in rows)
            counts.append(sum("course_step_options" in each for each in statements))

    assert counts == [0, 1, 1]


def test_a_session_by_itself_is_marked_too(academy: Academy) -> None:
    option = academy.option(academy.steps(academy.course())[0])
    served, plain = academy.date(option, AT + HOUR), academy.world.session(academy.of.id, AT + HOUR)

    with reading(academy.world.engine) as session:
        shown, bare = (find(session, academy.of.id, each.id) for each in (served, plain))

    assert shown is not None
    assert [mark.step_label for mark in shown.course_steps or ()] == ["SFZ-1"]
    assert bare is not None
    assert bare.course_steps is None
