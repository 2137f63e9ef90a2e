"""Each invariant of the desk, broken by hand where its constraint is away, is named by the audit."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.audit import audit
from tests.domain.desk.breaks import ALSO, BREAKS_OF_DESK, NUMBERS
from tests.timetable import Timetable
from worker import clock


@pytest.fixture
def desk(timetable: Timetable) -> Timetable:
    """Give a studio in which Ada was handed two packages with coupons, and bought one."""
    timetable.redeem("ada", "CORE-10", couponCode="WELCOME10")
    timetable.redeem("ada", "CORE-10", couponCode="PLUS2")
    timetable.buy("ada", "CORE-10")
    timetable.redeem("hal", "CORE-10", known=False, email="hal@example.com", name="Hal")
    return timetable


def named(timetable: Timetable, *statements: str) -> set[str]:
    """Return what the audit names after some statements, none of which stays."""
    with Session(timetable.engine) as session:
        for statement in statements:
            fetch(session, statement)
        found = {violation.invariant for violation in audit.audit(session, at=clock.now())}
        session.rollback()
    return found


def test_a_desk_as_it_should_be_violates_nothing(desk: Timetable) -> None:
    assert desk.studio.audit() == []
    assert named(desk, *NUMBERS) == set()


@pytest.mark.parametrize("name", BREAKS_OF_DESK)
def test_what_is_broken_is_named(desk: Timetable, name: str) -> None:
    assert name in named(desk, *NUMBERS, *BREAKS_OF_DESK[name])


@pytest.mark.parametrize(("name", "statement"), ALSO)
def test_what_is_broken_otherwise_is_named(desk: Timetable, name: str, statement: str) -> None:
    foreign = "ALTER TABLE coupon_uses DROP CONSTRAINT fk_coupon_uses_limits"

    assert name in named(desk, *NUMBERS, foreign, statement)
