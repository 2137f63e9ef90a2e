"""The dated runs of a course: what is left of them, and when they are."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from db.models import EnrollmentStatus, ReviewReason, SessionStatus
from db.transaction import reading
from domain.course.cohort_view import CohortView, cohorts
from domain.listing import Part
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.webhook_gateway.world import World


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def seen(academy: Academy, code: str = "SFZ") -> list[CohortView]:
    with reading(academy.world.engine) as session:
        found = cohorts(session, academy.of.id, code, Part(50), at=AT)
    assert found is not None
    return found


def test_places_are_those_of_enrollments_that_stand(academy: Academy) -> None:
    program = academy.course()
    cohort = academy.cohort(program, capacity=2)
    academy.enroll("ada", program, cohort, status=EnrollmentStatus.COMPLETED)
    academy.enroll("bob", program, cohort, status=EnrollmentStatus.REVOKED)
    reason = ReviewReason.COHORT_FULL
    academy.enroll("eve", program, cohort, status=EnrollmentStatus.NEEDS_REVIEW, review_reason=reason)
    academy.enroll("joe", program)

    (free,) = seen(academy)
    academy.enroll("grace", program, cohort)
    (full,) = seen(academy)

    assert (free.places_available, free.is_full) == (1, False)
    assert (full.places_available, full.is_full) == (0, True)


def test_the_deadline_is_the_instant_from_which_on_nobody_enrolls(academy: Academy) -> None:
    program = academy.course()
    academy.cohort(program, "ENDED", enrollment_deadline=AT)
    academy.cohort(program, "OPEN", enrollment_deadline=AT + HOUR)

    assert [(each.code, each.is_enrollment_open) for each in seen(academy)] == [("ENDED", False), ("OPEN", True)]


def test_a_cohort_lasts_from_its_first_session_to_the_end_of_its_last(academy: Academy) -> None:
    program = academy.course()
    first, second = (academy.option(step) for step in academy.steps(program))
    late, early = academy.date(first, AT + 9 * DAY), academy.date(second, AT - DAY)
    academy.cohort(program, sessions=[(first, late), (second, early)])
    academy.cohort(program, "EMPTY")

    spring, empty = seen(academy)

    assert [each.session_id for each in spring.sessions] == [early.id, late.id]
    assert (spring.starts_at, spring.ends_at) == (AT - DAY, AT + 9 * DAY + HOUR)
    assert (empty.sessions, empty.starts_at, empty.ends_at) == ((), None, None)


def test_what_was_called_off_or_cannot_be_booked_is_no_session_of_it(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B", "C", "D", "E")
    steps = academy.steps(program)
    options = [academy.option(step) for step in steps]
    dates = [academy.date(option, AT + HOUR) for option in options]
    academy.cohort(program, sessions=list(zip(options, dates, strict=True)))

    academy.changed(dates[0], status=SessionStatus.CANCELLED)
    academy.changed(options[1], active=False)
    academy.changed(options[2], deleted_at=AT)
    academy.changed(steps[3], deleted_at=AT)

    assert [each.session_id for each in seen(academy)[0].sessions] == [dates[4].id]


def test_a_cohort_that_was_deleted_is_not_shown(academy: Academy) -> None:
    program = academy.course()
    academy.cohort(program, "GONE", deleted_at=AT)
    academy.cohort(academy.course("ABC"))

    assert seen(academy) == []


def test_more_cohorts_cost_no_more_statements(academy: Academy) -> None:
    program = academy.course()
    option = academy.option(academy.steps(program)[0])
    costs = []
    for size in (1, 4):
        for number in range(size):
            date = academy.date(option, AT + HOUR * (10 * size + number))
            academy.cohort(program, f"C-{size}-{number}", [(option, date)])
        with counted(academy.world.engine) as statements:
            shown = seen(academy)
        costs.append(len(statements))

    assert len(shown) == 5
    assert costs == [5, 5]
