"""Commands over HTTP: who may send which, what is stored of them, and how they are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI
from freezegun import freeze_time
from sqlalchemy import Engine, select

from db.models import BookingStatus, Job, JobStatus, Student
from db.transaction import reading, transaction
from tests.stack import wait_for
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.finisher import DONE, finish
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World
from webhook_gateway.gateway import KEY, MAX_WAITING
from webhook_gateway.path import MAX_ID

BOOKINGS = "/api/bookings"
BODY: dict[str, Any] = {"sessionId": 5}
FRIEND: dict[str, Any] = {"name": "Grace", "email": "grace@example.org"}
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}
FOR_ADA: dict[str, Any] = {"studentId": "ada"}


@pytest.fixture
def lumen(world: World) -> World:
    """Give a world with the organization lumen and its student ada."""
    world.student(world.organization("lumen"), "ada")
    return world


@pytest.fixture
def booking(world: World) -> str:
    """Give the address of a booking of ada's at lumen."""
    return f"{BOOKINGS}/{world.a_booking(world.organization('lumen'), 'ada').id}"


def stored(engine: Engine) -> list[Job]:
    with transaction(engine) as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def names(engine: Engine) -> list[str | None]:
    with reading(engine) as session:
        return list(session.scalars(select(Student.external_id).order_by(Student.id)))


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.get_json(force=True).get("errors", [])]


@freeze_time("2026-11-21T10:00:00Z")
def test_a_command_is_stored_whole_and_due_at_once(browser: Browser, lumen: World) -> None:
    said = BODY | {
        "seatId": 3,
        "packageId": MAX_ID,
        "paymentType": "CREDIT",
        "confirmHigherTier": False,
        "friend": FRIEND | {"seatId": 4},
    }

    answer = browser.command(body=said | {"studentId": "ada"}, headers={"Idempotency-Key": "k"})

    (job,) = stored(lumen.engine)
    assert (job.kind, job.caller, job.status, job.request) == ("booking.book", "STUDENT ada", JobStatus.QUEUED, said)
    assert job.received_at == job.due_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert (job.idempotency_key, len(job.fingerprint or "")) == ("k", 64)
    assert job.student_id is not None
    assert (answer.status_code, answer.get_json()) == (202, {"id": job.id, "status": "QUEUED"})
    assert answer.headers["Location"] == f"/api/jobs/{job.id}"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Vary"] == "Prefer"
    assert answer.headers["Preference-Applied"] == "respond-async"


def test_what_is_left_out_is_not_stored(browser: Browser, lumen: World) -> None:
    browser.command(body=BODY | {"seatId": None, "friend": None})

    (job,) = stored(lumen.engine)
    assert job.request == BODY
    assert (job.idempotency_key, job.fingerprint) == (None, None)


def test_a_change_and_a_cancellation_name_their_booking(browser: Browser, world: World, booking: str) -> None:
    number = int(booking.rpartition("/")[2])

    browser.command(f"{booking}/change", {"seatId": 2, "acceptForfeit": True, "reason": "window"})
    browser.command(booking, {"acceptForfeit": True, "reason": "ill"}, method="DELETE")
    browser.command(booking, method="DELETE")

    change, cancel, bare = stored(world.engine)
    assert (change.kind, cancel.kind) == ("booking.change", "booking.cancel")
    assert change.request == {"bookingId": number, "seatId": 2, "acceptForfeit": True, "reason": "window"}
    assert cancel.request == {"bookingId": number, "acceptForfeit": True, "reason": "ill"}
    assert bare.request == {"bookingId": number}
    assert len({job.student_id for job in (change, cancel, bare)}) == 1
    assert change.student_id is not None


@pytest.mark.parametrize(("kind", "status"), [("book", 201), ("change", 200), ("cancel", 200)])
def test_a_command_is_answered_with_what_it_ended_in(
    browser: Browser, world: World, booking: str, database_url: str, kind: str, status: int
) -> None:
    asked: dict[str, tuple[str, str, Any]] = {
        "book": ("POST", BOOKINGS, BODY),
        "change": ("POST", f"{booking}/change", BODY),
        "cancel": ("DELETE", booking, None),
    }
    method, path, body = asked[kind]

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.command, path, body, method=method, headers={"Prefer": "wait=20"})
        (job,) = wait_for(lambda: stored(world.engine), what="the job")
        finish(database_url, job.id)
        answer = waiting.result()

    assert (answer.status_code, answer.get_json()) == (status, DONE)
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/api/jobs/{job.id}"
    assert "Retry-After" not in answer.headers


def test_a_command_that_fails_is_answered_with_its_problem(browser: Browser, lumen: World, database_url: str) -> None:
    said = {"code": "seat_taken", "detail": "Take another.", "field": "seat_id"}

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.command, body=BODY, headers={"Prefer": ""})
        (job,) = wait_for(lambda: stored(lumen.engine), what="the job")
        finish(database_url, job.id, problem=said)
        answer = waiting.result()

    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json(force=True) == {
        "type": "urn:punchcard:problem:seat_taken",
        "title": "The seat is taken",
        "status": 409,
        "detail": "Take another.",
        "instance": f"urn:punchcard:job:{job.id}",
        "code": "seat_taken",
        "retryable": False,
        "errors": [{"pointer": "#/seatId", "detail": "Take another."}],
    }
    assert answer.headers["Link"] == '</docs/problems#seat_taken>; rel="help"'
    assert browser.get(f"/api/jobs/{job.id}").get_json()["problem"] == answer.get_json(force=True)
    (listed,) = browser.get("/api/admin/jobs", **STAFF).get_json()["items"]
    assert listed["problem"] == answer.get_json(force=True)


def test_of_an_unknown_problem_nothing_is_told(browser: Browser, lumen: World, database_url: str) -> None:
    headers = {"Idempotency-Key": "k"}
    job_id = browser.command(body=BODY, headers=headers).get_json()["id"]
    finish(database_url, job_id, problem={"code": "new_in_the_next_version", "detail": "psycopg: secret"})

    answer = browser.command(body=BODY, headers=headers)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (500, "internal_error")
    assert "secret" not in answer.text + browser.get(f"/api/jobs/{job_id}").text


@pytest.mark.parametrize(
    ("header", "applied"),
    [("wait=1", "wait=1"), ("wait=1, respond-async", "respond-async, wait=1"), ("wait=0", "wait=0")],
)
def test_who_waits_in_vain_is_told_where_to_ask(browser: Browser, lumen: World, header: str, applied: str) -> None:
    answer = browser.command(body=BODY, headers={"Prefer": header})

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, applied)


def test_beyond_forty_a_command_is_accepted_and_not_waited_for(browser: Browser, lumen: World, app: OpenAPI) -> None:
    waiting = app.extensions[KEY].waiting
    taken = [waiting.acquire(blocking=False) for _ in range(MAX_WAITING)]

    answer = browser.command(body=BODY, headers={"Prefer": "wait=30"})
    waiting.release(len(taken))

    assert all(taken)
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert len(stored(lumen.engine)) == 1


def test_the_queue_is_hinted_at_until_the_job_is_done(
    browser: Browser, lumen: World, app: OpenAPI, database_url: str
) -> None:
    told: list[str] = []
    app.extensions["punchcard.hint"] = told.append
    headers = {"Idempotency-Key": "k"}

    answers = [browser.command(body=BODY, headers=headers) for _ in range(2)]
    finish(database_url, answers[0].get_json()["id"])
    browser.command(body=BODY, headers=headers)
    browser.command(body={}, headers=headers)
    del app.extensions["punchcard.hint"]

    assert told == ["bookings"] * 2


@pytest.mark.parametrize(
    "more", [{"studentId": "bob"}, {"paymentType": "FREE"}, {"reason": "because"}], ids=lambda more: next(iter(more))
)
def test_a_student_may_not_book_like_staff(browser: Browser, lumen: World, more: dict[str, Any]) -> None:
    assert problem(browser.command(body=BODY | more)) == (403, "forbidden")
    assert stored(lumen.engine) == []


def test_a_student_may_not_override(browser: Browser, world: World, booking: str) -> None:
    override = {"override": True, "reason": "please"}

    assert problem(browser.command(booking, override, method="DELETE")) == (403, "forbidden")
    assert problem(browser.command(f"{booking}/change", BODY | override)) == (403, "forbidden")
    assert problem(browser.command(f"{booking}/change", BODY | {"paymentType": "FREE"})) == (403, "forbidden")
    assert stored(world.engine) == []


@pytest.mark.parametrize("role", ["staff", "admin"])
def test_staff_book_for_a_student(browser: Browser, lumen: World, role: str) -> None:
    said = BODY | {"paymentType": "FREE", "reason": "a birthday"}

    answer = browser.command(body=said | FOR_ADA, role=role, sub="desk")

    (job,) = stored(lumen.engine)
    assert answer.status_code == 202
    assert (job.caller, job.request) == (f"{role.upper()} desk", said)
    assert job.student_id is not None
    assert names(lumen.engine) == ["ada"]


@pytest.mark.parametrize(
    ("body", "field"), [({}, "#/studentId"), (FOR_ADA | {"paymentType": "FREE"}, "#/reason")], ids=["whose", "why"]
)
def test_staff_say_whose_and_why(browser: Browser, lumen: World, body: dict[str, Any], field: str) -> None:
    answer = browser.command(body=BODY | body, **STAFF)

    assert problem(answer) == (422, "validation_failed")
    assert pointers(answer) == [field]


def test_staff_override_with_a_reason(browser: Browser, world: World, booking: str) -> None:
    override = {"override": True, "reason": "flood"}

    refused = [
        browser.command(booking, {"override": True}, method="DELETE", **STAFF),
        browser.command(f"{booking}/change", BODY | {"override": True}, **STAFF),
        browser.command(f"{booking}/change", BODY | {"paymentType": "FREE"}, **STAFF),
    ]
    taken = [
        browser.command(booking, override, method="DELETE", **STAFF),
        browser.command(f"{booking}/change", BODY | override, **STAFF),
    ]

    assert [problem(answer) for answer in refused] == [(422, "validation_failed")] * 3
    assert all(pointers(answer) == ["#/reason"] for answer in refused)
    assert [answer.status_code for answer in taken] == [202] * 2
    assert all(job.request.items() >= override.items() for job in stored(world.engine))


def test_staff_name_nobody_who_is_not_there(browser: Browser, lumen: World) -> None:
    answers = [browser.command(body=BODY | {"studentId": each}, **STAFF) for each in ("bob", "desk", "ADA")]

    assert [problem(answer) for answer in answers] == [(404, "not_found")] * 3
    assert names(lumen.engine) == ["ada"]


def test_a_student_is_created_on_first_use_once(browser: Browser, lumen: World) -> None:
    def ask(_: int) -> int:
        return Browser(browser.client.application.test_client()).command(body=BODY, sub="new").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(16)))

    assert statuses == [202] * 16
    assert names(lumen.engine) == ["ada", "new"]
    assert len({job.student_id for job in stored(lumen.engine)}) == 1


def test_a_guest_who_comes_with_a_verified_address_keeps_what_they_hold(browser: Browser, world: World) -> None:
    guest = world.student(world.organization("lumen"), None, email="new@example.org")

    browser.command(body=BODY, sub="new", email="new@example.org", email_verified=True)

    assert [job.student_id for job in stored(world.engine)] == [guest.id]


@pytest.mark.parametrize(
    "claims",
    [{"sub": "bob"}, {"sub": "ada", "org": "thrive"}, STAFF | {"org": "thrive"}, {"role": "admin", "org": "thrive"}],
    ids=repr,
)
def test_somebody_elses_booking_is_not_there(
    browser: Browser, world: World, booking: str, claims: dict[str, Any]
) -> None:
    world.organization("thrive")

    answers = [
        browser.command(f"{booking}/change", BODY, **claims),
        browser.command(booking, method="DELETE", **claims),
        browser.command(f"{BOOKINGS}/999", method="DELETE", **claims),
    ]

    assert [problem(answer) for answer in answers] == [(404, "not_found")] * 3
    assert answers[1].get_json(force=True)["detail"] == answers[2].get_json(force=True)["detail"]
    assert stored(world.engine) == []


def test_somebody_elses_student_is_not_there(browser: Browser, lumen: World) -> None:
    lumen.organization("thrive")

    assert problem(browser.command(body=BODY | FOR_ADA, org="thrive", **STAFF)) == (404, "not_found")


def test_staff_see_the_bookings_of_guests_and_students_none(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    guest = world.student(lumen, None, email="guest@example.org")
    order = world.order(guest, world.product(lumen, "P"), world.payment(lumen))
    path = f"{BOOKINGS}/{world.booking(order, BookingStatus.CONFIRMED).id}"

    assert browser.command(path, method="DELETE").status_code == 404
    assert browser.command(path, method="DELETE", **STAFF).status_code == 202


@pytest.mark.parametrize("org", ["nowhere", "*"])
def test_a_command_belongs_to_an_organization(browser: Browser, lumen: World, org: str) -> None:
    for _ in range(2):
        assert problem(browser.command(body=BODY | FOR_ADA, org=org, role="admin")) == (403, "forbidden")
