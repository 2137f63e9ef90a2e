"""What may still be booked: the cohort's sessions, or every one that is ahead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from db.models import DisputeStatus, EnrollmentStatus, ReviewReason, SessionStatus, StepStatus, StudentCourseEnrollment
from db.transaction import reading
from domain.enrollment.unbooked import MOST_DATES, UnbookedStep, unbooked_steps
from domain.validity import end_of_days
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.school import School
from tests.webhook_gateway.world import World
from worker import clock


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def steps(academy: Academy, bought: StudentCourseEnrollment, at: datetime = AT) -> list[UnbookedStep]:
    with reading(academy.world.engine) as session:
        found = unbooked_steps(session, academy.of.id, bought.student_id, bought.student_package_id, at=at)
    assert found is not None
    return found


def choices(academy: Academy, bought: StudentCourseEnrollment, at: datetime = AT) -> list[list[tuple[int, int]]]:
    return [
        [(each.course_step_option_id, each.session_id) for each in step.options] for step in steps(academy, bought, at)
    ]


def test_open_steps_come_in_their_order_whether_or_not_anything_serves_them(academy: Academy) -> None:
    program = academy.course("SFZ", *"ABCDE")
    bought = academy.enroll("ada", program)
    first, second, third, fourth, _ = academy.steps(program)
    option = academy.option(first)
    academy.stand(bought, first, StepStatus.BOOKED, option, academy.date(option, AT + DAY))
    academy.stand(bought, second, StepStatus.CANCELLED, cancelled_at=AT)
    academy.stand(bought, third, StepStatus.COMPLETED, completed_at=AT)
    academy.stand(bought, fourth, StepStatus.MISSED, missed_at=AT)

    found = steps(academy, bought)

    assert [(step.step_label, step.status, step.options) for step in found] == [
        ("B", StepStatus.CANCELLED, ()),
        ("E", StepStatus.UNBOOKED, ()),
    ]


def test_without_a_cohort_every_session_ahead_of_each_option_may_be_chosen(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    one, other = academy.option(step), academy.option(step)
    bought = academy.enroll("ada", program)
    late, early = academy.date(one, AT + 2 * DAY), academy.date(one, AT + HOUR)
    between = academy.date(other, AT + DAY)
    academy.date(one, AT)
    academy.date(one, AT + 3 * HOUR, status=SessionStatus.CANCELLED)
    academy.date(one, AT + 5 * HOUR, arranged=True)

    assert choices(academy, bought) == [[(one.id, early.id), (other.id, between.id), (one.id, late.id)]]


def test_who_is_in_a_cohort_comes_to_its_sessions_alone(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B")
    first, second = academy.steps(program)
    one, other, free = academy.option(first), academy.option(first), academy.option(second)
    ours = academy.date(one, AT + 5 * DAY)
    for option in (one, other):
        academy.date(option, AT + DAY)
    open_to_all = academy.date(free, AT + 2 * DAY)
    cohort = academy.cohort(program, sessions=[(one, ours)])
    bought, alone = academy.enroll("ada", program, cohort), academy.enroll("bob", program)

    # The second step has no session in the cohort: there any will do.
    assert choices(academy, bought) == [[(one.id, ours.id)], [(free.id, open_to_all.id)]]
    assert [len(each) for each in choices(academy, alone)] == [3, 1]


@pytest.mark.parametrize("lost", ["begun", "called off", "detached", "inactive"])
def test_a_cohorts_session_that_is_lost_leaves_all_the_others(academy: Academy, lost: str) -> None:
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    one, other = academy.option(step), academy.option(step)
    ours, theirs = academy.date(one, AT + 5 * DAY), academy.date(other, AT + DAY)
    cohort = academy.cohort(program, sessions=[(one, ours)])
    bought = academy.enroll("ada", program, cohort)
    assert choices(academy, bought) == [[(one.id, ours.id)]]

    changes: dict[str, tuple[Any, dict[str, Any]]] = {
        "begun": (ours, {"start_at": AT}),
        "called off": (ours, {"status": SessionStatus.CANCELLED}),
        "detached": (one, {"deleted_at": AT}),
        "inactive": (one, {"active": False}),
    }
    row, values = changes[lost]
    academy.changed(row, **values)

    assert choices(academy, bought) == [[(other.id, theirs.id)]]


def test_a_full_session_is_shown_as_such(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    option = academy.option(academy.steps(program)[0])
    date = academy.date(option, AT + DAY, capacity=1)
    academy.world.place(date, academy.student("eve"))

    ((choice,),) = (step.options for step in steps(academy, academy.enroll("ada", program)))

    assert (choice.capacity, choice.spots_available, choice.is_active) == (1, 0, True)


def test_of_each_option_the_next_sessions_are_enough(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    one, other = academy.option(step), academy.option(step)
    many = [academy.date(one, AT + (number + 1) * HOUR).id for number in range(MOST_DATES + 1)]
    late = academy.date(other, AT + 300 * DAY).id

    (found,) = choices(academy, academy.enroll("ada", program))

    assert found == [*((one.id, each) for each in many[:MOST_DATES]), (other.id, late)]


def test_a_package_lasts_through_its_last_local_day_also_when_clocks_change(engine: Engine) -> None:
    academy = Academy(World(engine), timezone="America/New_York")
    # Seven days from the first of March end with the eighth, on which clocks go forward: it has 23 hours.
    expires_at = end_of_days(AT, 7, "America/New_York")
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    one, other = academy.option(step), academy.option(step)
    last = academy.date(one, datetime(2026, 3, 9, 3, 59, tzinfo=UTC))
    academy.date(one, datetime(2026, 3, 9, 4, 0, tzinfo=UTC), status=SessionStatus.CANCELLED)
    academy.date(other, datetime(2026, 3, 9, 4, 0, tzinfo=UTC))
    bought = academy.enroll("ada", program, package={"expires_at": expires_at})

    assert choices(academy, bought) == [[(one.id, last.id)]]


def test_a_cohorts_session_after_the_end_of_the_package_is_no_choice(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    one = academy.option(academy.steps(program)[0])
    academy.date(one, AT + HOUR)
    cohort = academy.cohort(program, sessions=[(one, academy.date(one, AT + 5 * DAY))])
    bought = academy.enroll("ada", program, cohort, package={"expires_at": AT + 5 * DAY})

    assert choices(academy, bought) == [[]]


def test_a_validity_that_has_not_begun_has_no_end(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    one = academy.option(academy.steps(program)[0])
    date = academy.date(one, AT + 3_000 * DAY)
    bought = academy.enroll("ada", program, package={"starts_at": None, "expires_at": None})

    assert choices(academy, bought) == [[(one.id, date.id)]]


@pytest.mark.parametrize(
    ("fields", "payment", "package"),
    [
        ({"status": EnrollmentStatus.REVOKED}, {}, {}),
        ({"status": EnrollmentStatus.NEEDS_REVIEW, "review_reason": ReviewReason.COHORT_FULL}, {}, {}),
        ({}, {"amount_refunded": 49_900}, {}),
        ({}, {"dispute_status": DisputeStatus.OPEN}, {}),
        ({}, {}, {"starts_at": AT - DAY, "expires_at": AT}),
    ],
)
def test_where_nothing_may_be_booked_the_steps_are_shown_without_sessions(
    academy: Academy, fields: dict[str, Any], payment: dict[str, Any], package: dict[str, Any]
) -> None:
    program = academy.course("SFZ", "A")
    academy.date(academy.option(academy.steps(program)[0]), AT + HOUR)
    bought = academy.enroll("ada", program, payment=payment, package=package, **fields)

    assert choices(academy, bought) == [[]]


def test_an_enrollment_that_is_completed_still_has_its_optional_steps(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B", required={"B": False})
    first, second = academy.steps(program)
    date = academy.date(option := academy.option(second), AT + HOUR)
    bought = academy.enroll("ada", program, status=EnrollmentStatus.COMPLETED)
    academy.stand(bought, first, StepStatus.COMPLETED, completed_at=AT)

    assert choices(academy, bought) == [[(option.id, date.id)]]


def test_a_removed_step_may_be_booked_by_those_who_have_it(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    date = academy.date(option := academy.option(step), AT + HOUR)
    bought = academy.enroll("ada", program)
    academy.changed(step, deleted_at=AT)

    assert choices(academy, bought) == [[(option.id, date.id)]]


def test_what_is_anothers_is_not_there(academy: Academy) -> None:
    bought, bob = academy.enroll("ada", academy.course()), academy.student("bob")
    thrive = Academy(academy.world, "thrive")

    with reading(academy.world.engine) as session:
        assert unbooked_steps(session, academy.of.id, bob.id, bought.student_package_id, at=AT) is None
        assert unbooked_steps(session, thrive.of.id, bought.student_id, bought.student_package_id, at=AT) is None


def test_more_steps_and_options_cost_no_more_statements(academy: Academy) -> None:
    costs = []
    for size in (1, 4):
        program = academy.course(f"C-{size}", *(f"S-{each}" for each in range(size)))
        for option in [academy.option(step) for step in academy.steps(program) for _ in range(size)]:
            academy.date(option, AT + HOUR)
        bought = academy.enroll("ada", program)
        with counted(academy.world.engine) as statements:
            assert [len(each) for each in choices(academy, bought)] == [size] * size
        costs.append(len(statements))

    assert costs[0] == costs[1]


# As the engine has it.


def shown(school: School, package: int) -> list[UnbookedStep]:
    row = school.enrollment(package)
    with reading(school.timetable.engine) as session:
        found = unbooked_steps(session, row["organization_id"], row["student_id"], package, at=clock.now())
    assert found is not None
    return found


@pytest.mark.parametrize("in_cohort", [True, False])
def test_whatever_is_shown_can_be_booked(school: School, *, in_cohort: bool) -> None:
    cohort = school.cohort()
    other = school.meet("SFZ-1-DAY", clock.now() + 20 * DAY)
    package = school.enroll("ada", cohort if in_cohort else None)
    steps = shown(school, package)
    assert [step.step_label for step in steps] == ["SFZ-1", "SFZ-2", "SFZ-3"]
    assert (other in [each.session_id for each in steps[0].options]) != in_cohort

    for choice in (each for step in steps for each in step.options):
        label = next(step.step_label for step in steps if choice in step.options)
        step = {"courseStepId": school.step(label), "courseStepOptionId": choice.course_step_option_id}
        booked = school.do("course.book-step", "ada", package, **step, sessionId=choice.session_id)
        assert (booked.code, booked.booking["sessionId"]) == ("done", choice.session_id)
        assert label not in [each.step_label for each in shown(school, package)]
        school.cancel("ada", package, label)

    assert [step.status for step in shown(school, package)] == [StepStatus.CANCELLED] * 3
