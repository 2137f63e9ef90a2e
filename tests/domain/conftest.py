"""A Monday on which every test of a rule begins, the audit with which it ends, and a course."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import Engine

from tests.school import School
from tests.studio import Studio
from tests.timetable import Timetable

MONDAY = "2026-10-05T08:00:00Z"
# Nobody sends what a test of the rules writes.
OVERDUE = ("inbox.alive: notification", "inbox.alive: domain event")


@pytest.fixture(scope="module")
def stopped(shared_engine: Engine, broker_url: str) -> Iterator[FrozenDateTimeFactory]:
    """Stop the clock for a module, once the servers are up: stopping it takes longer than a test."""
    with freeze_time(MONDAY, ignore=["_pytest", "pytest"]) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def now(stopped: FrozenDateTimeFactory, studio: Studio) -> Iterator[FrozenDateTimeFactory]:
    """Give a clock that stands on a Monday at 08:00 UTC; wherever it is moved, every invariant holds at the end."""
    stopped.move_to(MONDAY)
    yield stopped
    assert [each for each in studio.audit() if not each.startswith(OVERDUE)] == []


@pytest.fixture
def school(timetable: Timetable, now: FrozenDateTimeFactory) -> School:
    """Give the demo's course on a Monday at 08:00 UTC, with a date for each of its classes, the first on Friday."""
    del now
    school = School(timetable)
    school.plan()
    return school
