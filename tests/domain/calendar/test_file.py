"""A document's teachers, classes and sessions: made true once, whole or not at all."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.models import ClassSession, Organization
from db.transaction import reading
from domain.errors import InvalidCatalog
from tests.cli.conftest import organization
from tests.studio import Studio
from tests.webhook_gateway.world import World

SESSIONS = """SELECT c.code, s.start_at, s.end_at, s.capacity, t.code AS teacher, s.service_type
                FROM class_sessions s JOIN group_classes c ON c.id = s.group_class_id
                LEFT JOIN teachers t ON t.id = s.teacher_id ORDER BY s.start_at, s.id"""
NIGHT = "2026-11-01T01:30"


def teacher(code: str, **members: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title()} | members


def a_class(code: str, **members: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title(), "service_type": "GROUP", "capacity": 8, "minutes": 60} | members


def session(start: str, of: str = "YOGA", **members: Any) -> dict[str, Any]:
    return {"class": of, "start": start} | members


def north(**members: Any) -> dict[str, Any]:
    """Return a school in New York with two teachers and a class."""
    usual: dict[str, Any] = {
        "timezone": "America/New_York",
        "currency": "USD",
        "teachers": [teacher("MAYA"), teacher("LUCA", tier=20)],
        "classes": [a_class("YOGA", teacher="MAYA"), a_class("LESSON", service_type="PRIVATE", capacity=1, minutes=30)],
    }
    return {"organizations": [organization("north", **usual | members)]}


def refusal(studio: Studio, **members: Any) -> str:
    """Apply what is impossible, and return what is said about it; nothing of it is there afterwards."""
    before = studio.count("organizations"), studio.count("class_sessions"), studio.count("teachers")
    with pytest.raises(InvalidCatalog) as error:
        studio.apply(north(**members))
    assert (studio.count("organizations"), studio.count("class_sessions"), studio.count("teachers")) == before
    return str(error.value)


def test_a_calendar_is_made_true_and_then_stays(studio: Studio) -> None:
    document = north(
        cancellation_window_minutes=120,
        sessions=[session("2026-12-01T18:30"), session("2026-12-01T10:00", "LESSON", teacher="LUCA")],
    )

    first, second = studio.apply(document), studio.apply(document)

    assert first.created == [
        "north",
        "north/teachers/MAYA",
        "north/teachers/LUCA",
        "north/classes/YOGA",
        "north/classes/LESSON",
        "north/sessions (2)",
    ]
    assert (second.created, second.updated) == ([], [])
    assert studio.one("SELECT cancellation_window_minutes AS n FROM organizations WHERE slug = 'north'")["n"] == 120
    lesson, yoga = studio.rows(SESSIONS)
    assert lesson == {
        "code": "LESSON",
        "start_at": datetime(2026, 12, 1, 15, tzinfo=UTC),
        "end_at": datetime(2026, 12, 1, 15, 30, tzinfo=UTC),
        "capacity": 1,
        "teacher": "LUCA",
        "service_type": "PRIVATE",
    }
    assert (yoga["start_at"], yoga["capacity"], yoga["teacher"]) == (
        datetime(2026, 12, 1, 23, 30, tzinfo=UTC),
        8,
        "MAYA",
    )
    assert studio.audit() == []


def test_a_session_may_say_otherwise_than_its_class(studio: Studio) -> None:
    studio.apply(
        north(
            sessions=[
                session("2026-12-01T18:30", minutes=90, capacity=3, teacher="LUCA"),
                session("2026-12-02T18:30", end="2026-12-02T19:15"),
            ]
        )
    )

    first, second = studio.rows(SESSIONS)
    assert (first["end_at"] - first["start_at"], first["capacity"], first["teacher"]) == (
        timedelta(minutes=90),
        3,
        "LUCA",
    )
    assert second["end_at"] - second["start_at"] == timedelta(minutes=45)


def test_an_hour_that_comes_twice_means_the_first_and_an_offset_the_second(studio: Studio) -> None:
    studio.apply(north(sessions=[session(NIGHT), session(f"{NIGHT}-05:00")]))

    assert [row["start_at"] for row in studio.rows(SESSIONS)] == [
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    ]


def test_minutes_are_elapsed_minutes_over_the_change_of_the_clocks(studio: Studio) -> None:
    studio.apply(north(sessions=[session("2026-03-08T01:30", end="2026-03-08T03:30")]))

    row = studio.one(SESSIONS)
    assert row["end_at"] - row["start_at"] == timedelta(hours=1)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"sessions": [session("2026-03-08T02:30")]}, "north.sessions.0.start: 2026-03-08T02:30:00 does not exist"),
        ({"sessions": [session(NIGHT), session(f"{NIGHT}-04:00")]}, "north.sessions.1: north.sessions.0 is the same"),
        ({"sessions": [session(NIGHT, "POLO")]}, "north.sessions.0.class: there is no class POLO"),
        ({"sessions": [session(NIGHT, "RIDE")]}, "north.sessions.0.class: there is no class RIDE"),
        ({"sessions": [session(NIGHT, teacher="DENIZ")]}, "north.sessions.0.teacher: there is no teacher DENIZ"),
        ({"sessions": [session(NIGHT, end=NIGHT)]}, "north.sessions.0.end"),
        ({"sessions": [session(NIGHT, end="2026-11-03T01:30")]}, "north.sessions.0.end"),
        ({"sessions": [session(NIGHT, end="2026-11-01T02:30", minutes=60)]}, "organizations.0.sessions.0"),
        ({"sessions": [session("2026-11-01")]}, "organizations.0.sessions.0.start"),
        ({"sessions": [session("1926-11-01T10:00")]}, "organizations.0.sessions.0.start"),
        ({"sessions": [session("2026-11-01T10:00:30")]}, "organizations.0.sessions.0.start"),
        ({"sessions": [{"class": "YOGA", "start": 1793500000}]}, "organizations.0.sessions.0.start"),
        ({"sessions": [session(NIGHT, capacity=0)]}, "organizations.0.sessions.0.capacity"),
        ({"sessions": [session(NIGHT, room=1)]}, "organizations.0.sessions.0.room"),
        ({"classes": [a_class("YOGA", teacher="NOBODY")]}, "north.classes.0.teacher"),
        ({"classes": [a_class("YOGA"), a_class("YOGA")]}, "classes with the same code: YOGA"),
        ({"classes": [a_class("YOGA", seats=[{"label": "1"}, {"label": "1"}])]}, "organizations.0.classes.0"),
        ({"classes": [a_class("YOGA", minutes=0)]}, "organizations.0.classes.0.minutes"),
        ({"teachers": [teacher("A"), teacher("A")]}, "teachers with the same code: A"),
        ({"teachers": [teacher("A", tier=-1)]}, "organizations.0.teachers.0.tier"),
        ({"cancellation_window_minutes": -1}, "organizations.0.cancellation_window_minutes"),
        (
            {"classes": [a_class("YOGA", active=False)], "sessions": [session(NIGHT)]},
            "north.sessions.0.class: YOGA is not active",
        ),
        (
            {"teachers": [teacher("MAYA", active=False)], "classes": [a_class("YOGA", teacher="MAYA")]}
            | {"sessions": [session(NIGHT)]},
            "north.sessions.0.teacher: MAYA is not active",
        ),
    ],
)
def test_what_is_impossible_is_told_with_its_field(studio: Studio, members: dict[str, Any], said: str) -> None:
    assert said in refusal(studio, **members)


@pytest.mark.parametrize(
    "hours",
    [
        {"weekday": 8, "opens": "08:00", "closes": "20:00"},
        {"weekdays": [], "opens": "08:00", "closes": "20:00"},
        {"weekday": 1, "weekdays": [2], "opens": "08:00", "closes": "20:00"},
        {"opens": "08:00", "closes": "20:00"},
        {"weekday": 1},
        {"weekday": 1, "opens": "08:00"},
        {"weekday": 1, "opens": "20:00", "closes": "08:00"},
        {"weekday": 1, "opens": 1200, "closes": "23:00"},
        {"weekday": 1, "opens": "8:00", "closes": "20:00"},
        {"weekday": 1, "opens": "08:00", "closes": "24:00"},
        {"on_date": 20261225},
        {"on_date": "tomorrow"},
    ],
)
def test_hours_that_mean_nothing_are_refused(studio: Studio, hours: dict[str, Any]) -> None:
    assert "teachers.0.availability" in refusal(studio, teachers=[teacher("MAYA", availability=[hours])])


def test_hours_of_a_day_do_not_overlap(studio: Studio) -> None:
    hours = [
        {"weekdays": [1, 2], "opens": "08:00", "closes": "12:00"},
        {"weekday": 2, "opens": "11:00", "closes": "13:00"},
    ]

    said = refusal(studio, teachers=[teacher("MAYA", availability=hours)])

    assert said == "north.teachers.0.availability: Name hours of weekday 2 that do not overlap."


def test_hours_are_those_of_the_document(studio: Studio) -> None:
    hours = [
        {"weekdays": [1, 2], "opens": "08:00", "closes": "12:00"},
        {"on_date": "2026-12-25"},
        {"on_date": date(2026, 12, 24), "opens": "09:00", "closes": "10:00"},
    ]
    studio.apply(north(teachers=[teacher("MAYA", availability=hours)]))

    same = studio.apply(north(teachers=[teacher("MAYA", availability=hours)]))
    fewer = studio.apply(north(teachers=[teacher("MAYA", availability=hours[1:2])]))

    assert (same.updated, fewer.updated) == ([], ["north/teachers/MAYA"])
    row = studio.one(
        "SELECT a.* FROM teacher_availability a JOIN organizations o ON o.id = a.organization_id WHERE slug = 'north'"
    )
    assert (row["weekday"], row["on_date"], row["opens"]) == (None, date(2026, 12, 25), None)


def test_a_seat_that_is_not_named_any_more_is_out_of_order_until_it_is_again(studio: Studio) -> None:
    both = [{"label": "A"}, {"label": "B", "credit_cost": 2}]
    seats = "SELECT id, label, credit_cost, active FROM seats WHERE label IN ('A', 'B') ORDER BY label"
    studio.apply(north(classes=[a_class("YOGA", seats=both)]))
    first = studio.rows(seats)

    without = studio.apply(north(classes=[a_class("YOGA", seats=both[:1])]))
    second = studio.rows(seats)
    studio.apply(north(classes=[a_class("YOGA", seats=both)]))

    assert without.updated == ["north/classes/YOGA"]
    assert [row["active"] for row in second] == [True, False]
    assert studio.rows(seats) == first


def test_a_session_changes_its_teacher_and_its_capacity_and_nothing_else(studio: Studio) -> None:
    studio.apply(north(sessions=[session("2026-12-01T18:30"), session("2026-12-02T18:30")]))

    changed = studio.apply(north(sessions=[session("2026-12-01T18:30", capacity=20, teacher="LUCA")]))
    unsaid = studio.apply(north(sessions=[session("2026-12-01T18:30")]))
    moved = refusal(studio, sessions=[session("2026-12-01T18:30", minutes=90)])

    assert (changed.updated, unsaid.updated) == (["north/sessions (1)"], [])
    assert [(row["capacity"], row["teacher"]) for row in studio.rows(SESSIONS)] == [(20, "LUCA"), (8, "MAYA")]
    assert "a file moves no sessions" in moved


def test_who_has_left_keeps_the_sessions_they_have(studio: Studio) -> None:
    gone = [teacher("MAYA", active=False), teacher("LUCA", tier=20)]
    studio.apply(north(sessions=[session("2026-12-01T18:30", teacher="MAYA")]))

    kept = studio.apply(north(teachers=gone, sessions=[session("2026-12-01T18:30", teacher="MAYA", capacity=9)]))
    given = refusal(
        studio, teachers=[teacher("LUCA", active=False)], sessions=[session("2026-12-01T18:30", teacher="LUCA")]
    )

    assert kept.updated == ["north/teachers/MAYA", "north/sessions (1)"]
    assert given == "north.sessions.0.teacher: LUCA is not active"


def test_what_was_called_off_stays_called_off(studio: Studio) -> None:
    studio.apply(north(sessions=[session("2026-12-01T18:30")]))
    studio.rows("UPDATE class_sessions SET status = 'CANCELLED'")

    changes = studio.apply(north(sessions=[session("2026-12-01T18:30", capacity=20, minutes=90)]))

    assert (changes.created, changes.updated) == ([], [])
    assert studio.one(SESSIONS)["capacity"] == 8


@pytest.mark.parametrize(
    "sessions",
    [
        [session("2026-12-01T18:30"), session("2026-12-01T19:00", "LESSON", teacher="MAYA")],
        [session("2026-12-01T09:30", "LESSON", teacher="MAYA")],
        [session("2026-12-02T10:00", "LESSON", teacher="MAYA")],
    ],
)
def test_a_teacher_in_two_places_at_once_is_told_with_the_session(
    studio: Studio, sessions: list[dict[str, Any]]
) -> None:
    studio.apply(
        north(
            sessions=[
                session("2026-12-01T09:00"),
                session("2026-12-02T10:00", "LESSON", teacher="LUCA"),
                session("2026-12-02T09:30"),
            ]
        )
    )

    said = refusal(studio, sessions=sessions)

    assert f"north.sessions.{len(sessions) - 1}.teacher: MAYA has two sessions at once" in said


def test_two_sessions_exchange_their_teachers(studio: Studio) -> None:
    studio.apply(north(sessions=[session("2026-12-01T09:00"), session("2026-12-01T09:00", "LESSON", teacher="LUCA")]))

    studio.apply(
        north(
            sessions=[
                session("2026-12-01T09:00", teacher="LUCA"),
                session("2026-12-01T09:00", "LESSON", teacher="MAYA"),
            ]
        )
    )

    assert {row["code"]: row["teacher"] for row in studio.rows(SESSIONS)} == {"YOGA": "LUCA", "LESSON": "MAYA"}


def test_places_that_are_taken_are_not_taken_away(studio: Studio) -> None:
    studio.apply(north(sessions=[session("2026-12-01T18:30")]))
    world = World(studio.engine)
    with reading(studio.engine) as tables:
        booked = tables.scalars(select(ClassSession)).one()
        owner = tables.scalars(select(Organization).where(Organization.slug == "north")).one()
        tables.expunge_all()
    for place in (2, 7, 8):
        world.place(booked, world.student(owner, f"s{place}"), place)

    said = refusal(studio, sessions=[session("2026-12-01T18:30", capacity=2)])
    studio.apply(north(sessions=[session("2026-12-01T18:30", capacity=3)]))

    assert said == "north.sessions.0.capacity: 3 places are taken already"
    rows = studio.rows("SELECT place, session_capacity FROM bookings ORDER BY place")
    assert [(row["place"], row["session_capacity"]) for row in rows] == [(1, 3), (2, 3), (3, 3)]


def test_two_thousand_sessions_are_a_matter_of_moments(studio: Studio) -> None:
    start = datetime(2027, 1, 1, 6, tzinfo=UTC)
    starts = [(start + timedelta(hours=number)).isoformat(timespec="minutes") for number in range(2_000)]
    document = north(sessions=[session(each) for each in starts])

    began = time.monotonic()
    first, second = studio.apply(document), studio.apply(document)

    assert (first.created[-1], second.created) == ("north/sessions (2000)", [])
    assert time.monotonic() - began < 5
