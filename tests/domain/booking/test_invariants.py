"""Each invariant of bookings, broken by hand where its constraint is away, is named by the audit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.audit import audit
from tests.domain.booking.breaks import BREAKS_OF_BOOKINGS, PLACES
from tests.timetable import Timetable
from worker import clock


@pytest.fixture
def booked(timetable: Timetable) -> Timetable:
    """Give a studio in which Ada comes with a friend, and Eve with her pass."""
    timetable.buy("ada", "ELITE-30")
    timetable.buy("eve", "ALL-ACCESS-30")
    start = (clock.now() + timedelta(days=3)).astimezone(UTC).replace(minute=0)
    session, _ = timetable.session(start, seats=[1] * 5, tier=0), timetable.session(start + timedelta(hours=2))
    first = timetable.book("ada", session, friend={"name": "Grace", "email": "grace@example.com"})
    assert (first.code, first.id) == ("done", 1)
    assert timetable.book("eve", session).code == "done"
    return timetable


def named(timetable: Timetable, *statements: str, at: datetime) -> set[str]:
    """Return what the audit names after some statements, none of which stays."""
    with Session(timetable.engine) as session:
        for statement in statements:
            fetch(session, statement)
        found = {violation.invariant for violation in audit.audit(session, at=at)}
        session.rollback()
    return found


def test_a_studio_as_it_should_be_violates_nothing(booked: Timetable) -> None:
    assert booked.studio.audit() == []


@pytest.mark.parametrize("name", BREAKS_OF_BOOKINGS)
def test_what_is_broken_is_named(booked: Timetable, name: str) -> None:
    found = named(booked, *PLACES, *BREAKS_OF_BOOKINGS[name], at=clock.now())

    assert name in found


def test_without_the_constraints_alone_nothing_is_named(booked: Timetable) -> None:
    assert named(booked, *PLACES, at=clock.now()) == set()
