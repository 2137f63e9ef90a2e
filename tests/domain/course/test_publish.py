"""Publishing: a course can be bought once whoever buys it could take each of its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.course import cohort, option, publish, step
from domain.course.cohort import CohortChange
from domain.course.cohort_session import Serving
from domain.course.option import NewOption
from domain.errors import InvalidField
from tests.domain.course import plans
from tests.domain.course.plans import School, course, open_school, served
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
# When the cohort of the plan closes, and when its first session starts.
CLOSES = datetime(2036, 12, 1, 23, tzinfo=UTC)
STARTS = datetime(2036, 12, 4, 19, tzinfo=UTC)


def planned(studio: Studio, **members: Any) -> School:
    return open_school(studio, course(**{"published": False} | members))


def refusal(north: School, at: datetime = AT) -> tuple[str, str]:
    """Publish what cannot be; return the field that is named, and why."""
    with pytest.raises(InvalidField) as refused, north.planning() as (session, found):
        publish.publish(session, found, at=at)
    assert not north.published()
    return refused.value.field, str(refused.value)


def succeeds(north: School, at: datetime = AT) -> bool:
    with north.planning() as (session, found):
        publish.publish(session, found, at=at)
    return north.published()


def test_a_course_with_room_in_each_step_is_published_and_taken_off_again(studio: Studio) -> None:
    north = planned(studio)

    on_sale = succeeds(north)
    with north.planning() as (session, found):
        publish.unpublish(session, found, at=AT)

    assert (on_sale, north.published()) == (True, False)


def test_a_course_without_steps_is_not_published(studio: Studio) -> None:
    assert refusal(planned(studio, steps=[], cohorts=[]))[0] == "steps"


@pytest.mark.parametrize("options", [[], [{"class": "BAKE-2-DAY", "active": False}]])
def test_a_step_that_nothing_serves_is_named(studio: Studio, options: list[Any]) -> None:
    steps = [plans.step("BAKE-1"), {"label": "BAKE-2", "title": "Two", "options": options}]

    field, said = refusal(planned(studio, steps=steps, cohorts=[]))

    assert (field, said) == ("steps.1.options", "Give BAKE-2 an option that is active: nobody could take it.")


def test_a_cohort_larger_than_its_sessions_of_a_step_is_named(studio: Studio) -> None:
    north = planned(studio, cohorts=[plans.cohort(), plans.cohort("SPRING", capacity=11)])

    field, said = refusal(north)

    assert field == "cohorts.1.capacity"
    assert said == "Give BAKE-1 11 places for SPRING, or the cohort less: it has 10."


def test_the_sessions_of_several_options_add_up(studio: Studio) -> None:
    both = [served("BAKE-1"), served("BAKE-1", "EVE", 19), served("BAKE-2"), served("BAKE-2", "EVE", 19)]
    north = planned(
        studio, steps=[plans.step("BAKE-1"), plans.step("BAKE-2")], cohorts=[plans.cohort(capacity=20, sessions=both)]
    )

    assert succeeds(north)


def test_an_option_that_takes_no_bookings_holds_no_places(studio: Studio) -> None:
    both = [served("BAKE-1"), served("BAKE-1", "EVE", 19), served("BAKE-2"), served("BAKE-2", "EVE", 19)]

    assert refusal(planned(studio, cohorts=[plans.cohort(capacity=20, sessions=both)]))[0] == "cohorts.0.capacity"


def test_without_a_session_in_the_cohort_the_classes_hold_its_places(studio: Studio) -> None:
    assert succeeds(planned(studio, cohorts=[plans.cohort(capacity=10, sessions=[])]))


@pytest.mark.parametrize("capacity", [11, 20])
def test_where_there_is_one_the_classes_do_not_count(studio: Studio, capacity: int) -> None:
    north = planned(
        studio, steps=[plans.step("BAKE-1")], cohorts=[plans.cohort(capacity=capacity, sessions=[served("BAKE-1")])]
    )

    assert refusal(north)[0] == "cohorts.0.capacity"


@pytest.mark.parametrize(
    "said", ["status = 'CANCELLED'", "start_at = '2026-03-01T11:00Z', end_at = '2026-03-01T12:00Z'"]
)
def test_a_session_that_nobody_can_take_holds_no_places(studio: Studio, said: str) -> None:
    north = planned(studio, steps=[plans.step("BAKE-1")], cohorts=[plans.cohort(sessions=[served("BAKE-1")])])
    studio.rows(f"UPDATE class_sessions SET {said} WHERE id = %(id)s", id=north.session_id("BAKE-1-DAY"))
    studio.rows("UPDATE group_classes SET capacity = 4 WHERE code LIKE 'BAKE-1-%%'")

    assert refusal(north)[1] == "Give BAKE-1 10 places for WINTER, or the cohort less: it has 8."


def test_a_cohort_that_takes_no_enrollments_any_more_needs_no_places(studio: Studio) -> None:
    north = planned(studio, cohorts=[plans.cohort(capacity=11)])

    assert refusal(north, CLOSES - timedelta(seconds=1))[0] == "cohorts.0.capacity"
    assert succeeds(north, CLOSES)


def test_what_was_removed_counts_for_nothing(studio: Studio) -> None:
    north = planned(studio, cohorts=[plans.cohort(), plans.cohort("SPRING", capacity=50)])
    studio.rows("UPDATE course_cohorts SET deleted_at = created_at WHERE code = 'SPRING'")
    studio.rows("UPDATE course_steps SET deleted_at = created_at WHERE label = 'BAKE-2'")
    studio.rows("UPDATE group_classes SET capacity = 1 WHERE code LIKE 'BAKE-2-%%'")

    assert succeeds(north)


@pytest.fixture
def north(studio: Studio) -> School:
    """Give a school whose course is published."""
    return open_school(studio)


def refused(north: School, what: Any) -> str:
    """Do what a published course cannot bear; return the field that is named."""
    with pytest.raises(InvalidField, match="unpublish the course first") as error, north.planning() as (session, found):
        what(session, found)
    return error.value.field


def test_a_published_course_keeps_a_step(north: School) -> None:
    def remove_all(session: Any, found: Any) -> None:
        for label in ("BAKE-1", "BAKE-2"):
            step.remove(session, found, step.one(session, found, north.step_id(label)), at=AT)

    assert refused(north, remove_all) == "steps"


def test_a_step_of_a_published_course_comes_with_an_option(north: School) -> None:
    values = {"label": "BAKE-3", "title": "Three", "summary": None, "is_required": True}

    def without(session: Any, found: Any) -> None:
        step.create(session, found, values, [NewOption(north.class_id("YOGA"), active=False)], at=AT)

    def too_small(session: Any, found: Any) -> None:
        step.create(session, found, values, [NewOption(north.class_id("YOGA"))], at=AT)

    assert (refused(north, without), refused(north, too_small)) == ("options", "options")
    with north.planning() as (session, found):
        step.create(session, found, values, [NewOption(north.class_id("BAKE-1-DAY"))], at=AT)
    assert len(north.labels()) == 3


def test_a_published_course_keeps_an_option_of_each_step(north: School) -> None:
    number = north.option_id("BAKE-2-DAY")

    def switch_off(session: Any, found: Any) -> None:
        of = step.one(session, found, north.step_id("BAKE-2"))
        option.change(session, found, option.one(session, of, number), active=False, at=AT)

    def detach(session: Any, found: Any) -> None:
        of = step.one(session, found, north.step_id("BAKE-2"))
        option.detach(session, found, option.one(session, of, number), at=AT)

    assert (refused(north, switch_off), refused(north, detach)) == ("active", "steps.1.options")
    assert north.options("BAKE-2")["BAKE-2-DAY"]


def test_an_option_that_comes_back_with_a_session_that_is_too_small_is_refused(north: School) -> None:
    north.studio.apply(plans.school(course(cohorts=[plans.cohort(sessions=[served("BAKE-1", "EVE", 19)])])))
    number = north.option_id("BAKE-1-EVE")
    with north.planning() as (session, found):
        of = step.one(session, found, north.step_id("BAKE-1"))
        option.detach(session, found, option.one(session, of, number), at=AT)
    north.studio.rows("UPDATE class_sessions SET capacity = 9 WHERE id = %(id)s", id=north.session_id("BAKE-1-EVE"))

    def attach(session: Any, found: Any) -> None:
        of = step.one(session, found, north.step_id("BAKE-1"))
        option.attach(session, found, of, NewOption(north.class_id("BAKE-1-EVE")), at=AT)

    assert refused(north, attach) == "group_class_id"


def test_a_cohort_of_a_published_course_has_room_in_each_step(north: School) -> None:
    values = {"code": "SPRING", "name": "Spring", "capacity": 21, "enrollment_deadline": CLOSES}

    def create(session: Any, found: Any) -> None:
        cohort.create(session, found, values, [], at=AT)

    def grow(session: Any, found: Any) -> None:
        held = cohort.held(session, found, north.cohort_id())
        cohort.change(session, found, held, CohortChange({"capacity": 11}), at=AT)

    def serve(session: Any, found: Any) -> None:
        north.studio.rows("UPDATE class_sessions SET capacity = 9 WHERE id = %(id)s", id=north.session_id("BAKE-1-EVE"))
        held = cohort.held(session, found, north.cohort_id())
        wanted = [Serving(north.option_id("BAKE-1-EVE"), north.session_id("BAKE-1-EVE"))]
        cohort.change(session, found, held, CohortChange({}, wanted), at=AT)

    assert {refused(north, each) for each in (create, grow, serve)} == {"capacity"}


def test_one_that_is_over_may_say_what_it_will(north: School) -> None:
    values = {"code": "OLD", "name": "Old", "capacity": 50, "enrollment_deadline": AT}

    with north.planning() as (session, found):
        cohort.create(session, found, values, [], at=AT)

    assert north.published()


def test_a_change_answers_for_its_own_step_and_cohort_alone(north: School) -> None:
    north.studio.rows("UPDATE class_sessions SET capacity = 9 WHERE id = %(id)s", id=north.session_id("BAKE-2-DAY"))
    values = {"code": "SPRING", "name": "Spring", "capacity": 5, "enrollment_deadline": CLOSES}

    with north.planning() as (session, found):
        cohort.create(session, found, values, [], at=AT)
        of = step.one(session, found, north.step_id("BAKE-1"))
        option.attach(session, found, of, NewOption(north.class_id("YOGA")), at=AT)

    assert "YOGA" in north.options("BAKE-1")
