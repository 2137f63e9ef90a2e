"""Waiting and scheduling over HTTP: who may ask, and what is stored."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from db.models import Job
from db.transaction import transaction
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World

WAITLIST = "/api/sessions/5/waitlist"
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}


@pytest.fixture
def lumen(world: World) -> World:
    """Give a world with the organization lumen and its student ada."""
    world.student(world.organization("lumen"), "ada")
    return world


def stored(engine: Engine) -> list[Job]:
    with transaction(engine) as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def refused(answer: TestResponse, status: int) -> dict[str, Any]:
    assert problem(answer)[0] == status
    return dict(answer.get_json(force=True))


def test_joining_and_leaving_are_jobs_of_the_student(browser: Browser, lumen: World) -> None:
    browser.command(WAITLIST, {"autoBookUntil": "2030-01-01T10:00:00+03:00"})
    browser.command(WAITLIST)
    browser.command(WAITLIST, method="DELETE")

    until, bare, left = stored(lumen.engine)
    assert (until.kind, bare.kind, left.kind) == ("waitlist.join", "waitlist.join", "waitlist.leave")
    assert until.request == {"sessionId": 5, "autoBookUntil": "2030-01-01T10:00:00+03:00"}
    assert bare.request == left.request == {"sessionId": 5}
    assert until.student_id is not None


def test_nobody_waits_for_somebody_else(browser: Browser, lumen: World) -> None:
    for method in ("POST", "DELETE"):
        assert refused(browser.command(WAITLIST, method=method, **STAFF), 403)["code"] == "forbidden"
    assert stored(lumen.engine) == []


@pytest.mark.parametrize(
    "body",
    [
        {"autoBookUntil": "2030-01-01T10:00:00"},
        {"autoBookUntil": "tomorrow"},
        {"autoBookUntil": 1_800_000_000},
        {"until": "2030-01-01T10:00:00Z"},
        [],
    ],
)
def test_what_a_wait_cannot_say_is_refused(browser: Browser, lumen: World, body: object) -> None:
    answer = browser.command(WAITLIST, body)

    assert refused(answer, 422)["code"] == "validation_failed"
    assert stored(lumen.engine) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/startTime"),
        ({"startTime": "2030-01-01T10:00:00Z", "sessionId": 5}, "#/startTime"),
        ({"sessionId": 5, "teacherId": 1}, "#/teacherId"),
        ({"startTime": "2030-01-01T10:00:30Z"}, "#/startTime"),
        ({"startTime": "2030-01-01T10:00"}, "#/startTime"),
        ({"sessionId": 0}, "#/sessionId"),
    ],
)
def test_a_draft_is_scheduled_to_a_start_or_into_a_session(
    browser: Browser, world: World, body: dict[str, Any], pointer: str
) -> None:
    booking = world.a_booking(world.organization("lumen"), "ada").id

    answer = browser.command(f"/api/bookings/{booking}/schedule", body)

    assert refused(answer, 422)["errors"][0]["pointer"] == pointer
    assert stored(world.engine) == []


def test_a_draft_is_its_students_or_the_staffs_to_schedule(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    booking = world.a_booking(lumen, "ada").id
    world.student(lumen, "grace")
    body = {"startTime": "2030-01-01T10:00:00Z", "teacherId": 4}
    path = f"/api/bookings/{booking}/schedule"

    assert browser.command(path, body).status_code == 202
    assert browser.command(path, body, **STAFF).status_code == 202
    assert refused(browser.command(path, body, sub="grace"), 404)["code"] == "not_found"

    mine, staffs = stored(world.engine)
    assert mine.request == staffs.request == {"bookingId": booking} | body
    assert mine.student_id == staffs.student_id
