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


COURSE_SESSIONS = """SELECT h.code AS cohort, h.capacity AS places, h.enrollment_deadline, e.label, e.position,
                            e.is_required, c.code, c.service_type, s.capacity, s.start_at, s.end_at
                       FROM course_cohort_sessions m JOIN course_cohorts h ON h.id = m.cohort_id
                       JOIN course_step_options o ON o.id = m.course_step_option_id
                       JOIN course_steps e ON e.id = o.course_step_id
                       JOIN class_sessions s ON s.id = m.session_id JOIN group_classes c ON c.id = s.group_class_id
                      ORDER BY s.start_at"""
ALL_SESSIONS = """SELECT s.start_at, s.end_at FROM class_sessions s JOIN organizations o ON o.id = s.organization_id
                   WHERE o.slug = 'thrive' ORDER BY s.start_at"""


def test_the_course_is_on_sale_with_what_comes_with_it(demo: Demo) -> None:
    demo.seed()

    (course,) = demo.rows(
        "SELECT p.*, a.service_type, a.credits, a.credit_unit_minutes FROM products p"
        " JOIN package_allowances a ON a.product_id = p.id WHERE p.product_type = 'COURSE'"
    )
    assert (course["code"], course["price"], course["currency"], course["validity_days"]) == ("SFZ", 49_900, "USD", 365)
    assert (course["service_type"], course["credits"], course["credit_unit_minutes"]) == ("PRIVATE", 2, 30)
    assert course["active"]


def test_the_course_has_a_cohort_whose_sessions_each_student_can_still_cancel(demo: Demo) -> None:
    demo.seed()

    sessions = demo.rows(COURSE_SESSIONS)
    (deadline,) = {each["enrollment_deadline"] for each in sessions}
    assert {(each["places"], each["capacity"], each["service_type"], each["is_required"]) for each in sessions} == {
        (10, 10, "COURSE", True)
    }
    assert sorted((each["label"], each["code"]) for each in sessions) == [
        *((f"SFZ-{step}", f"SFZ-{step}-{of}") for step in (1, 2, 3) for of in ("DAY", "EVE")),
        ("SFZ-4", "SFZ-4-EVE"),
    ]
    assert [each["position"] for each in sessions] == sorted(each["position"] for each in sessions)
    # Also of whoever enrolls last.
    assert deadline > MORNING
    assert sessions[0]["start_at"] > deadline + timedelta(hours=48)
    assert sessions[-1]["start_at"] < MORNING + timedelta(days=30)


def test_nothing_overlaps_in_thrive_so_that_a_student_can_be_in_all_of_it(demo: Demo) -> None:
    demo.seed()

    sessions = demo.rows(ALL_SESSIONS)

    assert len(sessions) == 4 * 30 + 7
    assert all(earlier["end_at"] <= later["start_at"] for earlier, later in pairwise(sessions))


def test_a_cohort_is_added_when_none_takes_enrollments_any_more(demo: Demo) -> None:
    demo.seed()
    (deadline,) = {each["enrollment_deadline"] for each in demo.rows(COURSE_SESSIONS)}

    before = demo.seed(deadline - timedelta(seconds=1))
    first = demo.rows(COURSE_SESSIONS)
    after = demo.seed(deadline)
    both = demo.rows(COURSE_SESSIONS)

    assert [name for name in before if name.startswith("thrive")] == ["thrive/sessions (56)"]
    assert after == ["thrive/sessions (7)"]
    assert (len(first), len(both), len({each["cohort"] for each in both})) == (7, 14, 2)
    sessions = demo.rows(ALL_SESSIONS)
    assert all(earlier["end_at"] <= later["start_at"] for earlier, later in pairwise(sessions))
    assert demo.seed(deadline) == []


def test_what_somebody_did_to_a_cohort_that_is_open_stays(demo: Demo) -> None:
    demo.seed()
    demo.rows("UPDATE course_cohorts SET name = 'Ours', capacity = 4")
    demo.rows("DELETE FROM course_cohort_sessions WHERE id %% 2 = 0")

    again = demo.seed()

    assert again == []
    assert [row["name"] for row in demo.rows("SELECT name FROM course_cohorts")] == ["Ours"]
    assert len(demo.rows(COURSE_SESSIONS)) == 4


def test_the_demo_is_quick(demo: Demo) -> None:
    began = time.monotonic()

    demo.seed()

    assert time.monotonic() - began < 1
