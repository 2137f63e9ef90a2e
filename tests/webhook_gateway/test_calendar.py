from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from freezegun import freeze_time
from sqlalchemy import event

from db.models import BookingStatus, ServiceType, SessionStatus
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World

CALENDAR = "/api/calendar"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def asked(since: datetime = AT, until: datetime | None = None, **query: str) -> str:
    """Return the address of a week, of lumen unless it says otherwise."""
    span = {"from": since.isoformat(), "to": (until or since + 7 * DAY).isoformat()}
    return f"{CALENDAR}?{urlencode({'org': 'lumen'} | span | query)}"


def ids(answer: Any) -> list[int]:
    return [item["sessionId"] for item in answer.get_json()["items"]]


def test_a_row_says_what_takes_place_and_what_is_free(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen, "LUCA", tier=20)
    group_class = world.group_class(lumen, code="TALK", name="Conversation", teacher_id=teacher.id)
    session = world.session_of(group_class)
    world.place(session, world.student(lumen, "ada"))

    answer = client.get(asked()).get_json()

    assert answer == {
        "items": [
            {
                "sessionId": session.id,
                "groupClassId": group_class.id,
                "groupClassCode": "TALK",
                "groupClassName": "Conversation",
                "isWorkshop": False,
                "serviceType": "GROUP",
                "startAt": "2026-03-01T12:00:00Z",
                "endAt": "2026-03-01T13:00:00Z",
                "capacityMax": 8,
                "spotsAvailable": 7,
                "teacherId": teacher.id,
                "teacherName": "Luca",
                "teacherTier": 20,
            }
        ],
        "nextCursor": None,
    }
    assert client.get(f"{CALENDAR}/{session.id}?org=lumen").get_json() == answer["items"][0]


def test_a_seated_session_shows_its_seats(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    group_class = world.group_class(lumen, 1, 2, 1)
    world.broken(group_class.seats[2])
    session = world.session_of(group_class)
    other = world.session_of(group_class, AT + HOUR)
    ada = world.student(lumen, "ada")
    world.place(session, ada, seat_id=group_class.seats[1].id)
    world.place(
        other, ada, status=BookingStatus.CANCELLED, place=None, session_capacity=None, seat_id=group_class.seats[0].id
    )

    first, second = client.get(asked()).get_json()["items"]

    assert first["seats"] == [
        {"seatId": group_class.seats[0].id, "label": "1", "creditCost": 1, "taken": False},
        {"seatId": group_class.seats[1].id, "label": "2", "creditCost": 2, "taken": True},
    ]
    assert [seat["taken"] for seat in second["seats"]] == [False, False]
    # Capacity 8, but not more than the free seats.
    assert (first["spotsAvailable"], second["spotsAvailable"]) == (1, 2)


def test_free_places_are_never_fewer_than_none(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    session = world.session_of(world.group_class(lumen, 1, 1, 1, capacity=1))
    world.place(session, world.student(lumen, "ada"))

    (shown,) = client.get(asked()).get_json()["items"]

    assert (shown["capacityMax"], shown["spotsAvailable"]) == (1, 0)


def test_the_calendar_is_of_its_span_and_service_and_of_what_takes_place(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    group, private = world.group_class(lumen), world.group_class(lumen, service_type=ServiceType.PRIVATE)
    world.session_of(group, AT - HOUR)
    first = world.session_of(group)
    second = world.session_of(private, AT + HOUR)
    world.session_of(group, AT + HOUR, status=SessionStatus.CANCELLED)
    last = world.session_of(group, AT + 7 * DAY)

    assert ids(client.get(asked())) == [first.id, second.id]
    assert ids(client.get(asked(serviceType="PRIVATE"))) == [second.id]
    assert ids(client.get(asked(until=AT + 62 * DAY))) == [first.id, second.id, last.id]
    assert ids(client.get(asked(until=AT))) == []


def test_the_calendar_begins_now_and_shows_a_week(client: FlaskClient, world: World) -> None:
    group_class = world.group_class(world.organization("lumen"))
    begun, first, second, late = (
        world.session_of(group_class, AT + shift) for shift in (timedelta(0), HOUR, 6 * DAY, 8 * DAY)
    )

    with freeze_time(AT + HOUR / 2):
        shown = ids(client.get(f"{CALENDAR}?org=lumen"))
        until = ids(client.get(f"{CALENDAR}?{urlencode({'org': 'lumen', 'to': (AT + DAY).isoformat()})}"))
        since = ids(client.get(f"{CALENDAR}?{urlencode({'org': 'lumen', 'from': (AT + 2 * DAY).isoformat()})}"))

    assert shown == [first.id, second.id]
    assert until == [first.id]
    assert since == [second.id, late.id]
    assert begun.id not in shown


def test_pages_show_each_session_once_in_the_order_of_their_starts(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    late, early = world.session_of(world.group_class(lumen), AT + HOUR), world.session_of(world.group_class(lumen))
    same = [world.session_of(world.group_class(lumen), AT + HOUR) for _ in range(3)]
    found: list[int] = []
    cursor = ""

    for pages in range(1, 4):
        page = client.get(asked(limit="2") + cursor)
        found += ids(page)
        behind = page.get_json()["nextCursor"]
        cursor = f"&cursor={behind}"
        assert (behind is None) == (pages == 3)

    assert found == [early.id, late.id, *(each.id for each in same)]


@pytest.mark.parametrize(
    "cursor", ["", "!", "MQ", "MS8", "eC8x", "OTk5OTk5OTk5OTk5OTk5OTk5LzE", "MS85OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_a_cursor_is_ours_or_nothing(client: FlaskClient, world: World, cursor: str) -> None:
    world.organization("lumen")

    assert client.get(asked(cursor=cursor)).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-01T12:00:00"},
        {"from": "2026-03-01"},
        {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"from": "2026-03-01T00:00:00Z", "to": "2026-05-02T00:00:01Z"},
        {"from": "9999-12-31T00:00:00Z"},
        {"serviceType": "group"},
        {"limit": "201"},
        {"teacher": "1"},
    ],
)
def test_a_question_that_means_nothing_is_refused(client: FlaskClient, world: World, query: dict[str, str]) -> None:
    world.organization("lumen")

    assert client.get(f"{CALENDAR}?{urlencode({'org': 'lumen'} | query)}").status_code == 422


def test_each_organization_has_its_own_calendar(browser: Browser, world: World) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    theirs = world.session_of(world.group_class(lumen))
    called_off = world.session_of(world.group_class(thrive), status=SessionStatus.CANCELLED)
    without_org = asked().replace("org=lumen&", "")

    assert ids(browser.get(without_org, org="thrive")) == []
    assert ids(browser.get(without_org, org="lumen")) == [theirs.id]
    assert browser.get(asked(), org="thrive").status_code == 403
    assert browser.client.get(without_org).status_code == 422
    for hidden in (theirs.id, called_off.id, 9_223_372_036_854_775_807):
        assert browser.get(f"{CALENDAR}/{hidden}", org="thrive").status_code == 404


def test_a_long_calendar_costs_no_more_statements_than_a_short_one(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    counts = []

    for round_ in range(2):
        for number in range(5):
            start_at = AT + HOUR * (5 * round_ + number)
            session = world.session_of(world.group_class(lumen, 1, 1), start_at)
            world.place(session, world.student(lumen, None))
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, seen: list[str] = statements) -> None:
            seen.append(statement)

        event.listen(world.engine, "before_cursor_execute", note)
        client.get(asked())
        event.remove(world.engine, "before_cursor_execute", note)
        counts.append(len(statements))

    assert counts[0] == counts[1]
