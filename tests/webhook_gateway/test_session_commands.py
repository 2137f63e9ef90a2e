"""What staff do to a whole session, over HTTP into a job, through the engine, and back as its answer."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.domain.booking.test_book import soon
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.test_booked import fits, performed
from tests.webhook_gateway.test_sessions import ADMIN, PLATFORM, SESSIONS, STAFF, problem
from tests.webhook_gateway.world import World
from webhook_gateway.schema.booking import Booking

pytestmark = pytest.mark.usefixtures("of_a_worker")

PATCH: dict[str, Any] = {"method": "PATCH"}
MARKED = [{"bookingId": 1, "status": "ATTENDED"}]


def as_shown(browser: Browser, session: int) -> dict[str, Any]:
    """Return a session as staff see it, without who comes."""
    shown: dict[str, Any] = browser.get(f"{SESSIONS}/{session}", **STAFF).get_json()
    del shown["roster"], shown["waitlist"]
    return shown


def begin(timetable: Timetable, session: int) -> None:
    """Let a session have begun."""
    for table, key in (("class_sessions", "id"), ("bookings", "session_id")):
        timetable.studio.rows(
            f"UPDATE {table} SET start_at = start_at - interval '4 days', end_at = end_at - interval '4 days'"
            f" WHERE {key} = %(id)s",
            id=session,
        )


def test_a_session_is_moved_and_shown_as_everywhere(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), seats=[1, 2], tier=0)
    timetable.book("ada", session)
    said = {"startAt": soon(4).isoformat(), "minutes": 60}

    moved = performed(browser, timetable, f"{SESSIONS}/{session}", said, **PATCH, **STAFF)

    assert moved.status_code == 200
    assert moved.get_json() == as_shown(browser, session) | {"movedBookings": 1}
    assert moved.get_json()["startAt"] == soon(4).isoformat().replace("+00:00", "Z")
    assert moved.headers["Location"].startswith("/api/jobs/")
    assert timetable.studio.audit() == []


def test_capacity_and_teacher_are_the_admins_also_with_a_move(browser: Browser, timetable: Timetable) -> None:
    session, teacher = timetable.session(soon(), tier=0), timetable.teacher()
    address, said = f"{SESSIONS}/{session}", {"startAt": soon(4).isoformat(), "capacity": 3, "teacherId": teacher}

    by_staff = browser.command(address, said, **PATCH, **STAFF)
    by_admin = performed(browser, timetable, address, said, **PATCH, **ADMIN)
    nobodys = performed(browser, timetable, address, {"minutes": 30, "teacherId": None}, **PATCH, **ADMIN)

    assert problem(by_staff) == (403, "forbidden", [])
    assert (by_admin.get_json()["capacityMax"], by_admin.get_json()["teacherId"]) == (3, teacher)
    assert (nobodys.get_json()["teacherId"], nobodys.get_json()["startAt"]) == (None, by_admin.get_json()["startAt"])


@pytest.mark.parametrize("claims", [STAFF, ADMIN], ids=["staff", "admin"])
def test_a_change_of_nothing_is_the_same_to_staff_and_admins(
    browser: Browser, timetable: Timetable, claims: dict[str, Any]
) -> None:
    session = timetable.session(soon())
    address = f"{SESSIONS}/{session}"

    nothing = browser.command(address, {}, **PATCH, **claims)
    nulls = [browser.command(address, {name: None}, **PATCH, **claims) for name in ("capacity", "startAt", "minutes")]

    assert (nothing.status_code, nothing.get_json()) == (200, as_shown(browser, session))
    assert [problem(each) for each in nulls] == [
        (422, "validation_failed", [f"#/{name}"]) for name in ("capacity", "startAt", "minutes")
    ]


def test_staff_give_a_session_no_teacher_and_nobody(browser: Browser, timetable: Timetable) -> None:
    address = f"{SESSIONS}/{timetable.session(soon(), tier=0)}"

    assert problem(browser.command(address, {"teacherId": None}, **PATCH, **STAFF)) == (403, "forbidden", [])


def test_who_came_is_marked(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon())
    friend = {"name": "Grace", "email": "grace@example.com"}
    booked = timetable.book("ada", session, friend=friend).id
    begin(timetable, session)
    marks = [{"bookingId": booked, "status": "ATTENDED"}, {"bookingId": booked + 1, "status": "NO_SHOW"}]

    answer = performed(browser, timetable, f"{SESSIONS}/{session}/attendance", {"marks": marks}, **STAFF)

    assert answer.status_code == 200
    assert answer.get_json()["marked"] == 2
    assert [each["status"] for each in answer.get_json()["bookings"]] == ["COMPLETED", "NO_SHOW"]
    assert all(fits(Booking, each) for each in answer.get_json()["bookings"])
    assert "grace@example.com" not in answer.text


def test_marks_that_cannot_be_are_pointed_at(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id
    begin(timetable, session)
    path, came = f"{SESSIONS}/{session}/attendance", {"status": "ATTENDED"}

    twice = performed(browser, timetable, path, {"marks": [came | {"bookingId": booked}] * 2}, **STAFF)
    strange = performed(browser, timetable, path, {"marks": [came | {"bookingId": 999_999}]}, **STAFF)

    assert problem(twice) == problem(strange) == (422, "validation_failed", ["#/marks"])
    assert twice.get_json(force=True)["detail"] == f"Name each booking once: {booked} is named twice."
    assert strange.get_json(force=True)["detail"].endswith("in this session: 999999 has none.")


def test_a_session_is_called_off_with_or_without_a_reason(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    first, second = timetable.session(soon()), timetable.session(soon(4))
    booked = timetable.book("ada", first).id

    told = performed(browser, timetable, f"{SESSIONS}/{first}/cancel", {"reason": "a flood"}, **STAFF)
    silent = performed(browser, timetable, f"{SESSIONS}/{second}/cancel", **STAFF)
    again = performed(browser, timetable, f"{SESSIONS}/{second}/cancel", **STAFF)

    assert (told.status_code, told.get_json()) == (200, {"session": as_shown(browser, first), "cancelled": 1})
    assert silent.get_json()["session"]["status"] == "CANCELLED"
    assert problem(again) == (409, "session_cancelled", [])
    assert timetable.booking(booked)["metadata"] == {"cancelReason": "a flood"}
    assert timetable.studio.one("SELECT cancel_reason FROM class_sessions WHERE id = %(id)s", id=first) == {
        "cancel_reason": "a flood"
    }


def test_a_place_that_an_admin_adds_is_offered_to_the_line(browser: Browser, timetable: Timetable) -> None:
    for name in ("ada", "eve"):
        timetable.buy(name)
    session = timetable.session(soon(), capacity=1)
    timetable.book("ada", session)
    timetable.join("eve", session)

    answer = browser.command(f"{SESSIONS}/{session}", {"capacity": 2}, **PATCH, **ADMIN)
    timetable.work()

    assert (answer.status_code, answer.get_json()["capacityMax"]) == (200, 2)
    assert timetable.who(session) == ["ada", "eve"]


def test_the_same_key_is_the_same_command(browser: Browser, timetable: Timetable) -> None:
    session = timetable.session(soon())
    key = {"Idempotency-Key": '"once"', "Prefer": "respond-async"}
    address = f"{SESSIONS}/{session}/cancel"

    first, second = (browser.command(address, headers=key, **STAFF) for _ in range(2))
    other = browser.command(address, {"reason": "x"}, headers=key, **STAFF)

    assert first.status_code == second.status_code == 202
    assert first.headers["Location"] == second.headers["Location"]
    assert problem(other)[:2] == (422, "idempotency_key_reused")


def each_command(browser: Browser, session: int, **claims: Any) -> list[TestResponse]:
    address = f"{SESSIONS}/{session}"
    return [
        browser.command(f"{address}/attendance", {"marks": MARKED}, **claims),
        browser.command(f"{address}/cancel", **claims),
        browser.command(address, {"startAt": soon().isoformat()}, **PATCH, **claims),
    ]


def test_only_staff_and_only_of_their_own_organization(browser: Browser, world: World) -> None:
    lumen, _ = world.organization("lumen"), world.organization("thrive")
    session = world.session_of(world.group_class(lumen)).id

    students = each_command(browser, session, role="student")
    others = each_command(browser, session, org="thrive", **STAFF)
    nowhere = each_command(browser, 999_999, **STAFF)
    platform = each_command(browser, session, **PLATFORM)

    assert {problem(each)[:2] for each in students + platform} == {(403, "forbidden")}
    assert all("of the platform works for none" in each.get_json(force=True)["detail"] for each in platform)
    assert {problem(each)[:2] for each in others + nowhere} == {(404, "not_found")}


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "#/marks"),
        ({"marks": []}, "#/marks"),
        ({"marks": MARKED * 501}, "#/marks"),
        ({"marks": [{"bookingId": 1, "status": "COMPLETED"}]}, "#/marks/0/status"),
        ({"marks": [{"bookingId": "1", "status": "NO_SHOW"}]}, "#/marks/0/bookingId"),
        ({"marks": MARKED, "note": "x"}, "#/note"),
    ],
)
def test_a_mark_at_fault_is_named(browser: Browser, world: World, said: dict[str, Any], pointer: str) -> None:
    session = world.session_of(world.group_class(world.organization("lumen")))

    answer = browser.command(f"{SESSIONS}/{session.id}/attendance", said, **STAFF)

    assert problem(answer) == (422, "validation_failed", [pointer])


@pytest.mark.parametrize(
    ("path", "said", "pointer"),
    [
        ("", {"startAt": "2030-03-01T12:00:00"}, "#/startAt"),
        ("", {"startAt": "2030-03-01T12:00:30Z"}, "#/startAt"),
        ("", {"minutes": 0}, "#/minutes"),
        ("", {"minutes": 1_441}, "#/minutes"),
        ("/cancel", {"reason": "x" * 501}, "#/reason"),
        ("/cancel", {"reason": ""}, "#/reason"),
    ],
)
def test_a_field_at_fault_is_named(
    browser: Browser, world: World, path: str, said: dict[str, Any], pointer: str
) -> None:
    session = world.session_of(world.group_class(world.organization("lumen")))
    method = "POST" if path else "PATCH"

    answer = browser.command(f"{SESSIONS}/{session.id}{path}", said, method=method, **STAFF)

    assert problem(answer) == (422, "validation_failed", [pointer])


def test_staff_see_who_waits_in_turn(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("bea")
    session = timetable.session(soon(), capacity=1)
    timetable.book("bea", session)
    for student in ("grace", "ada"):
        timetable.join(student, session)

    shown = browser.get(f"{SESSIONS}/{session}", role="staff", sub="desk").get_json()

    assert [each["studentId"] for each in shown["waitlist"]] == ["grace", "ada"]
    assert {each["status"] for each in shown["waitlist"]} == {"WAITING"}


def test_a_session_made_for_one_student_keeps_its_place_and_a_teacher(browser: Browser, timetable: Timetable) -> None:
    timetable.studio.rows("UPDATE teachers SET active = false")
    session = timetable.session(soon(), capacity=1, service="PRIVATE", tier=0)
    timetable.studio.rows("UPDATE class_sessions SET arranged = true")

    answers = [
        browser.client.patch(f"{SESSIONS}/{session}", json=said, headers=browser.headers(role="admin", sub="desk"))
        for said in ({"capacity": 2}, {"teacherId": None})
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.get_json(force=True)["errors"][0]["pointer"] for answer in answers] == ["#/capacity", "#/teacherId"]
    assert browser.get(f"/api/calendar/{session}").status_code == 404
