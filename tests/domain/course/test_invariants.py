"""Each invariant of courses, broken by hand where its constraint is away, is named by the audit."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.audit import audit
from tests.domain.course.breaks import ALSO, BREAKS_OF_COURSES
from tests.school import School
from worker import clock


@pytest.fixture
def classroom(school: School) -> School:
    """Give a course that Ada and Bea are enrolled in, in a cohort, each with the last step booked."""
    cohort = school.cohort()
    school.enroll("ada", cohort)
    school.enroll("bea", cohort)
    return school


def named(school: School, *statements: str) -> set[str]:
    """Return what the audit names after some statements, none of which stays."""
    with Session(school.timetable.engine) as session:
        for statement in statements:
            fetch(session, statement)
        found = {violation.invariant for violation in audit.audit(session, at=clock.now())}
        session.rollback()
    return found


def test_a_course_as_it_should_be_violates_nothing(classroom: School) -> None:
    assert named(classroom) == set()


@pytest.mark.parametrize("name", BREAKS_OF_COURSES)
def test_what_is_broken_is_named(classroom: School, name: str) -> None:
    assert name in named(classroom, *BREAKS_OF_COURSES[name])


@pytest.mark.parametrize(("name", "statement"), ALSO)
def test_what_is_broken_otherwise_is_named(classroom: School, name: str, statement: str) -> None:
    assert name in named(classroom, statement)
