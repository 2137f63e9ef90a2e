from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.models import SessionStatus
from db.transaction import fetch, transaction
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World

SESSIONS = "/api/admin/sessions"
WEEK = f"{SESSIONS}?from=2026-03-01T00:00:00Z"
ADMIN: dict[str, Any] = {"role": "admin", "sub": "boss"}
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}
PLATFORM: dict[str, Any] = {"role": "admin", "org": "*", "sub": "root"}
START = "2026-03-01T12:00:00Z"


def problem(answer: Any) -> tuple[int, str, list[str]]:
    """Return the status and the code of an answer that is a problem, and the fields that it points at."""
    body = answer.get_json(force=True)
    return answer.status_code, body["code"], [error["pointer"] for error in body.get("errors", [])]


def test_a_session_is_made_as_its_class_says(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen)
    group_class = world.group_class(lumen, 1, code="RIDE", name="Ride", teacher_id=teacher.id, minutes=45)

    made = browser.command(SESSIONS, {"classId": group_class.id, "startAt": START}, **ADMIN)

    assert made.status_code == 201
    assert made.get_json() == {
        "sessionId": made.get_json()["sessionId"],
        "groupClassId": group_class.id,
        "groupClassCode": "RIDE",
        "groupClassName": "Ride",
        "isWorkshop": False,
        "serviceType": "GROUP",
        "startAt": START,
        "endAt": "2026-03-01T12:45:00Z",
        "capacityMax": 8,
        "spotsAvailable": 1,
        "teacherId": teacher.id,
        "teacherName": "Deniz",
        "teacherTier": 0,
        "seats": [{"seatId": group_class.seats[0].id, "label": "1", "creditCost": 1, "taken": False}],
        "status": "SCHEDULED",
        "bookings": 0,
        "arranged": False,
    }
    assert browser.get(WEEK, **STAFF).get_json() == {"items": [made.get_json()], "nextCursor": None}


def test_a_session_may_say_otherwise_than_its_class(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    group_class = world.group_class(lumen, teacher_id=world.teacher(lumen).id)
    said = {"classId": group_class.id, "startAt": "2026-03-01T15:00:00+03:00", "minutes": 90, "capacity": 3}

    made = browser.command(SESSIONS, said | {"teacherId": None}, **ADMIN).get_json()

    assert (made["startAt"], made["endAt"], made["capacityMax"]) == (START, "2026-03-01T13:30:00Z", 3)
    assert (made["teacherId"], made["teacherName"], made["teacherTier"]) == (None, None, 0)


def test_staff_see_who_comes(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    session = world.session_of(world.group_class(lumen))
    ada = world.student(lumen, "ada", email="ada@example.com")
    host = world.place(session, ada)
    guest = world.place(session, ada, 2, guest_of=host.id, guest_name="Bob")

    shown = browser.get(f"{SESSIONS}/{session.id}", **STAFF).get_json()

    assert (shown["bookings"], shown["spotsAvailable"]) == (2, 6)
    line = {"studentId": "ada", "name": None, "email": "ada@example.com", "status": "CONFIRMED", "paymentType": "FREE"}
    assert shown["roster"] == [
        {"bookingId": host.id} | line,
        {"bookingId": guest.id} | line | {"guestOf": host.id, "guestName": "Bob"},
    ]


def test_the_list_shows_what_was_called_off_and_is_paged_by_start(browser: Browser, world: World) -> None:
    group_class = world.group_class(world.organization("lumen"))
    late = world.session_of(group_class, AT + timedelta(hours=2))
    early = world.session_of(group_class, status=SessionStatus.CANCELLED)

    first: Any = browser.get(f"{WEEK}&limit=1", **STAFF).get_json()
    second: Any = browser.get(f"{WEEK}&limit=1&cursor={first['nextCursor']}", **STAFF).get_json()

    assert [(item["sessionId"], item["status"]) for item in first["items"] + second["items"]] == [
        (early.id, "CANCELLED"),
        (late.id, "SCHEDULED"),
    ]
    assert second["nextCursor"] is None


def test_a_session_changes_its_teacher_and_its_capacity(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen, tier=20)
    session = world.session_of(world.group_class(lumen))
    address = f"{SESSIONS}/{session.id}"

    larger = browser.command(address, {"capacity": 30}, method="PATCH", **ADMIN).get_json()
    taught = browser.command(address, {"teacherId": teacher.id}, method="PATCH", **ADMIN).get_json()
    nobodys = browser.command(address, {"teacherId": None}, method="PATCH", **ADMIN).get_json()

    assert (larger["capacityMax"], larger["teacherId"]) == (30, None)
    assert (taught["capacityMax"], taught["teacherTier"]) == (30, 20)
    assert (nobodys["capacityMax"], nobodys["teacherId"]) == (30, None)


def test_nobody_loses_their_place_to_a_smaller_capacity(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    session, other = world.session_of(world.group_class(lumen)), world.session_of(world.group_class(lumen))
    for number in (1, 5, 8):
        world.place(session, world.student(lumen, f"s{number}"), number)
        world.place(other, world.student(lumen, f"o{number}"), number)
    address = f"{SESSIONS}/{session.id}"

    refused = browser.command(address, {"capacity": 2}, method="PATCH", **ADMIN)
    smaller = browser.command(address, {"capacity": 3}, method="PATCH", **ADMIN)

    assert problem(refused) == (422, "validation_failed", ["#/capacity"])
    assert (smaller.get_json()["capacityMax"], smaller.get_json()["spotsAvailable"]) == (3, 0)
    with transaction(world.engine) as tables:
        rows = fetch(tables, "SELECT session_id, place, session_capacity FROM bookings ORDER BY 1, 2")
    assert [tuple(row.values()) for row in rows] == [
        *((session.id, number, 3) for number in (1, 2, 3)),
        *((other.id, number, 8) for number in (1, 5, 8)),
    ]


def test_a_teacher_is_in_one_place_at_a_time(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen)
    group_class, another = world.group_class(lumen, teacher_id=teacher.id), world.group_class(lumen)
    world.session_of(group_class)
    free = world.session_of(another, AT + timedelta(minutes=30))

    made = browser.command(
        SESSIONS, {"classId": another.id, "startAt": "2026-03-01T12:59:00Z", "teacherId": teacher.id}, **ADMIN
    )
    changed = browser.command(f"{SESSIONS}/{free.id}", {"teacherId": teacher.id}, method="PATCH", **ADMIN)
    behind = browser.command(SESSIONS, {"classId": group_class.id, "startAt": "2026-03-01T13:00:00Z"}, **ADMIN)

    assert problem(made) == problem(changed) == (409, "teacher_unavailable", [])
    assert behind.status_code == 201


def test_a_class_starts_once_at_a_time(browser: Browser, world: World) -> None:
    group_class = world.group_class(world.organization("lumen"))
    called_off = world.session_of(group_class, status=SessionStatus.CANCELLED)
    said = {"classId": group_class.id, "startAt": START}

    first, second = browser.command(SESSIONS, said, **ADMIN), browser.command(SESSIONS, said, **ADMIN)
    changed = browser.command(f"{SESSIONS}/{called_off.id}", {"capacity": 9}, method="PATCH", **ADMIN)

    assert first.status_code == 201
    assert problem(second) == (422, "validation_failed", ["#/startAt"])
    assert problem(changed) == (409, "session_cancelled", [])


@pytest.mark.parametrize("fault", ["class", "teacher"])
def test_nothing_is_planned_with_what_is_not_active(browser: Browser, world: World, fault: str) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen, active=fault != "teacher")
    group_class = world.group_class(lumen, active=fault != "class", teacher_id=teacher.id)

    answer = browser.command(SESSIONS, {"classId": group_class.id, "startAt": START}, **ADMIN)

    assert problem(answer) == (422, "validation_failed", [f"#/{fault}Id"])


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"startAt": "2026-03-01T12:00:00"}, "#/startAt"),
        ({"startAt": "2026-03-01T12:00:30Z"}, "#/startAt"),
        ({"startAt": "0001-01-01T00:00:00Z"}, "#/startAt"),
        ({"startAt": 1_772_366_400}, "#/startAt"),
        ({"minutes": 0}, "#/minutes"),
        ({"capacity": 10_001}, "#/capacity"),
        ({"classId": "1"}, "#/classId"),
        ({"teacherId": -1}, "#/teacherId"),
        ({"title": "x"}, "#/title"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, world: World, said: dict[str, Any], pointer: str) -> None:
    group_class = world.group_class(world.organization("lumen"))

    answer = browser.command(SESSIONS, {"classId": group_class.id, "startAt": START} | said, **ADMIN)

    assert problem(answer) == (422, "validation_failed", [pointer])


def test_staff_look_and_admins_plan_and_only_their_own(browser: Browser, world: World) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    own = world.session_of(world.group_class(lumen))
    theirs, their_teacher = world.group_class(thrive), world.teacher(thrive)
    address = f"{SESSIONS}/{own.id}"
    new = {"classId": own.group_class_id, "startAt": "2026-03-02T12:00:00Z"}

    assert browser.get(WEEK, org="thrive", **STAFF).get_json()["items"] == []
    assert browser.get(address, org="thrive", **STAFF).status_code == 404
    assert browser.command(address, {"capacity": 9}, method="PATCH", org="thrive", **ADMIN).status_code == 404
    assert browser.command(SESSIONS, new | {"classId": theirs.id}, **ADMIN).status_code == 404
    assert browser.command(SESSIONS, new | {"teacherId": their_teacher.id}, **ADMIN).status_code == 404
    assert browser.command(address, {"teacherId": their_teacher.id}, method="PATCH", **ADMIN).status_code == 404
    for claims in (STAFF, {"role": "student"}, PLATFORM):
        assert browser.command(SESSIONS, new, **claims).status_code == 403
        assert browser.command(address, {"capacity": 9}, method="PATCH", **claims).status_code == 403
    for claims in ({"role": "student"}, PLATFORM):
        assert browser.get(SESSIONS, **claims).status_code == 403
        assert browser.get(address, **claims).status_code == 403
