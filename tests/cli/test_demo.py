"""The demo studios' calendars: the next thirty local days, and each day only once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from sqlalchemy import Engine

from cli.demo import seed
from config import Settings
from db.transaction import fetch, transaction

# Half past twelve in Istanbul, half past four in New York, on a Sunday there too.
MORNING = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")
NEW_YORK = ZoneInfo("America/New_York")

SESSIONS = """SELECT s.*, c.code, t.code AS teacher, t.tier FROM class_sessions s
                JOIN organizations o ON o.id = s.organization_id
                JOIN group_classes c ON c.id = s.group_class_id JOIN teachers t ON t.id = s.teacher_id
               WHERE o.slug = %(slug)s ORDER BY s.start_at"""


@pytest.fixture
def demo(settings: Settings, engine: Engine) -> Demo:
    return Demo(settings.database_url, engine)


class Demo:
    """The demo studios, and what they have."""

    def __init__(self, database_url: str, engine: Engine) -> None:
        self.database_url = database_url
        self.engine = engine

    def seed(self, at: datetime = MORNING) -> list[str]:
        with freeze_time(at):
            return seed(self.database_url).created

    def rows(self, statement: str, **values: object) -> list[dict[str, Any]]:
        with transaction(self.engine) as session:
            return fetch(session, statement, **values)


def test_lumen_has_three_rides_on_each_of_thirty_local_days(demo: Demo) -> None:
    demo.seed()

    rides = demo.rows(SESSIONS, slug="lumen")
    days = [ride["start_at"].astimezone(ISTANBUL).date() for ride in rides]
    assert {ride["code"] for ride in rides} == {"RIDE"}
    assert {(ride["end_at"] - ride["start_at"], ride["capacity"], ride["tier"]) for ride in rides} == {
        (timedelta(minutes=45), 20, 0)
    }
    # The first of today's is over, the second has begun.
    assert len(rides) == 3 * 30 - 2
    assert (days[0], days[-1]) == (MORNING.date(), MORNING.date() + timedelta(days=29))
    seats = demo.rows("SELECT credit_cost, count(*) AS n FROM seats WHERE active GROUP BY 1 ORDER BY 1")
    assert [(row["credit_cost"], row["n"]) for row in seats] == [(1, 18), (2, 2)]


def test_thrive_has_a_group_and_a_private_session_of_each_teacher_every_day(demo: Demo) -> None:
    demo.seed()

    sessions = demo.rows(SESSIONS, slug="thrive")
    days: dict[Any, list[dict[str, Any]]] = {}
    for each in sessions:
        days.setdefault(each["start_at"].astimezone(NEW_YORK).date(), []).append(each)
    assert len(days) == 30
    for day in days.values():
        told = {(each["service_type"], each["tier"], each["capacity"], minutes(each)) for each in day}
        assert told == {("GROUP", 0, 8, 60), ("GROUP", 20, 8, 60), ("PRIVATE", 0, 1, 30), ("PRIVATE", 20, 1, 30)}
        assert all(earlier["end_at"] <= later["start_at"] for earlier, later in pairwise(day))
        local = [moment.astimezone(NEW_YORK) for each in day for moment in (each["start_at"], each["end_at"])]
        assert all(8 <= moment.hour < 20 for moment in local)
    hours = demo.rows(
        "SELECT weekday, opens, closes FROM teacher_availability a JOIN teachers t ON t.id = a.teacher_id"
        " WHERE t.code = 'MAYA' ORDER BY weekday"
    )
    assert [(row["weekday"], row["opens"].hour, row["closes"].hour) for row in hours] == [
        (day, 8, 20) for day in range(1, 6)
    ]


def minutes(session: dict[str, Any]) -> int:
    return int((session["end_at"] - session["start_at"]).total_seconds()) // 60


def test_the_next_day_adds_only_what_is_missing(demo: Demo) -> None:
    demo.seed()

    again, later = demo.seed(), demo.seed(MORNING + timedelta(days=1))

    assert again == []
    assert later == ["lumen/sessions (3)", "thrive/sessions (4)"]


def test_a_day_that_has_sessions_stays_as_somebody_changed_it(demo: Demo) -> None:
    demo.seed()
    demo.rows("UPDATE class_sessions SET start_at = start_at + interval '20 minutes' WHERE id %% 3 = 0")
    demo.rows("UPDATE class_sessions SET status = 'CANCELLED' WHERE id %% 3 = 1")

    assert demo.seed() == []


def test_the_clocks_going_forward_move_no_local_time(demo: Demo) -> None:
    demo.seed(datetime(2026, 2, 20, 9, tzinfo=UTC))

    starts = {each["start_at"].astimezone(NEW_YORK).hour for each in demo.rows(SESSIONS, slug="thrive")}

    assert len(starts) == 4


def test_the_demo_is_quick(demo: Demo) -> None:
    began = time.monotonic()

    demo.seed()

    assert time.monotonic() - began < 1
