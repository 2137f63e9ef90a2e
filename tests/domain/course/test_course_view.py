"""Courses on sale, with what would serve their steps next."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from db.models import ServiceType, SessionStatus
from db.transaction import reading
from domain.course.course_view import MOST_DATES, CourseView, course, courses
from domain.listing import Part
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.webhook_gateway.world import World


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def seen(academy: Academy, code: str = "SFZ") -> CourseView:
    with reading(academy.world.engine) as session:
        found = course(session, academy.of.id, code, at=AT)
    assert found is not None
    return found


def dates(view: CourseView) -> list[list[list[int]]]:
    return [[[row.id for row in option.sessions] for option in step.options] for step in view.steps]


def test_what_comes_with_a_course_is_said_in_words_where_nobody_wrote_any(academy: Academy) -> None:
    academy.course("PLAIN")
    academy.course("RICH", components=[(ServiceType.PRIVATE, 2, 30), (ServiceType.GROUP, 1, 60)])
    academy.course("WRITTEN", product={"bundle_description": "Two talks"})

    said = [seen(academy, code).bundle_description for code in ("PLAIN", "RICH", "WRITTEN")]

    assert said == ["2 course steps", "2 course steps + 2 Private (30 min) + 1 Group (60 min)", "Two talks"]


def test_only_what_is_ahead_is_on_offer_and_of_the_class_is_a_date(academy: Academy) -> None:
    option = academy.option(academy.steps(academy.course())[0])
    academy.date(option, AT - HOUR)
    academy.date(option, AT)
    later, sooner = academy.date(option, AT + DAY), academy.date(option, AT + HOUR)
    academy.date(option, AT + 2 * HOUR, status=SessionStatus.CANCELLED)
    academy.date(option, AT + 3 * HOUR, arranged=True)
    academy.world.session(academy.of.id, AT + HOUR)

    assert dates(seen(academy)) == [[[sooner.id, later.id]], []]


def test_each_option_shows_its_next_dates_and_not_all(academy: Academy) -> None:
    first, second = (academy.option(step) for step in academy.steps(academy.course()))
    many = [academy.date(first, AT + HOUR * (number + 1)).id for number in range(MOST_DATES + 1)]
    late = academy.date(second, AT + 300 * DAY)

    assert dates(seen(academy)) == [[many[:MOST_DATES]], [[late.id]]]


def test_an_option_that_takes_no_bookings_says_so_and_one_that_was_detached_is_gone(academy: Academy) -> None:
    step, removed = academy.steps(academy.course())
    open_, closed = academy.option(step), academy.option(step, active=False)
    academy.option(step, deleted_at=AT)
    academy.changed(removed, deleted_at=AT)

    (shown,) = seen(academy).steps

    assert [(each.id, each.is_active) for each in shown.options] == [(open_.id, True), (closed.id, False)]


def test_one_class_may_serve_several_steps(academy: Academy) -> None:
    shared = academy.world.group_class(academy.of)
    first, second = (academy.option(step, shared) for step in academy.steps(academy.course()))
    date = academy.date(first, AT + HOUR)

    assert second.id != first.id
    assert dates(seen(academy)) == [[[date.id]], [[date.id]]]


def test_more_courses_steps_options_and_dates_cost_no_more_statements(academy: Academy) -> None:
    costs = []
    for size in (1, 4):
        for number in range(size):
            program = academy.course(f"C-{size}-{number}", *(f"S-{each}" for each in range(size)))
            for option in [academy.option(step) for step in academy.steps(program) for _ in range(size)]:
                for hour in range(size):
                    academy.date(option, AT + HOUR * (hour + 1))
        with counted(academy.world.engine) as statements, reading(academy.world.engine) as session:
            listed = courses(session, academy.of.id, Part(50))
            whole = len(statements)
            assert course(session, academy.of.id, f"C-{size}-0", at=AT) is not None
            costs.append((whole, len(statements) - whole))

    assert len(listed) == 5
    assert costs[0] == costs[1]
    assert costs[0][0] == 3
