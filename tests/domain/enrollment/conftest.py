"""The demo's course, with a date for each of its classes."""

from __future__ import annotations

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.school import School
from tests.timetable import Timetable


@pytest.fixture
def school(timetable: Timetable, now: FrozenDateTimeFactory) -> School:
    """Give the course on a Monday at 08:00 UTC, its first session on Friday."""
    del now
    school = School(timetable)
    school.plan()
    return school
