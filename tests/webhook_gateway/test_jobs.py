from __future__ import annotations

import time
from threading import Timer
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine

from db.models import Job, JobStatus
from db.transaction import transaction
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World
from webhook_gateway.gateway import KEY

DONE: dict[str, Any] = {"status": JobStatus.SUCCEEDED, "result": {"booking": 1}, "finished_at": AT}


def test_a_job_is_shown_to_its_student(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    job = world.job(lumen, world.student(lumen, "ada"), **DONE)

    assert browser.get(f"/api/jobs/{job.id}").json == {
        "id": job.id,
        "kind": "booking.book",
        "status": "SUCCEEDED",
        "result": {"booking": 1},
        "problem": None,
        "attempts": 0,
        "acceptedAt": "2026-03-01T12:00:00Z",
        "finishedAt": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "ada"}, 200),
        ({"sub": "desk", "role": "staff"}, 200),
        ({"sub": "root", "role": "admin", "org": "*"}, 200),
        ({"sub": "bob"}, 404),
        ({"sub": "ada", "org": "thrive"}, 404),
        ({"sub": "desk", "role": "admin", "org": "thrive"}, 404),
    ],
    ids=repr,
)
def test_a_job_is_for_its_student_and_staff(
    browser: Browser, world: World, claims: dict[str, Any], status: int
) -> None:
    lumen, _ = world.organization("lumen"), world.organization("thrive")
    job = world.job(lumen, world.student(lumen, "ada"))

    assert browser.get(f"/api/jobs/{job.id}", **claims).status_code == status


def test_a_job_of_nobody_is_not_for_students(browser: Browser, world: World) -> None:
    job = world.job(world.organization("lumen"))

    assert browser.get(f"/api/jobs/{job.id}").status_code == 404


@pytest.mark.parametrize(
    "job_id", ["0", "-1", "1.5", "x", "01", "9223372036854775808", "9" * 5000, "%00", "%D9%A1", "1'--"]
)
def test_what_cannot_be_an_id_is_not_found(browser: Browser, world: World, job_id: str) -> None:
    world.job(world.organization("lumen"))

    answer = browser.get(f"/api/jobs/{job_id}", role="staff")

    assert answer.status_code == (400 if job_id == "%00" else 404)
    assert answer.mimetype == "application/problem+json"


def test_waiting_ends_with_the_job(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    job = world.job(lumen, world.student(lumen, "ada"))

    Timer(0.3, finish, (world.engine, job.id)).start()
    started = time.monotonic()
    answer = browser.get(f"/api/jobs/{job.id}?wait=30")

    assert answer.get_json()["status"] == "SUCCEEDED"
    assert time.monotonic() - started < 5


def test_waiting_ends_with_its_time(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    job = world.job(lumen, world.student(lumen, "ada"))

    assert browser.get(f"/api/jobs/{job.id}?wait=1").get_json()["status"] == "QUEUED"


def test_beyond_forty_nobody_waits(browser: Browser, world: World, app: OpenAPI) -> None:
    lumen = world.organization("lumen")
    job = world.job(lumen, world.student(lumen, "ada"))
    waiting = app.extensions[KEY].waiting
    taken = [waiting.acquire(blocking=False) for _ in range(40)]

    started = time.monotonic()
    answer = browser.get(f"/api/jobs/{job.id}?wait=30")
    waiting.release(len(taken))

    assert all(taken)
    assert answer.status_code == 200
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5", "9" * 5000])
def test_waiting_has_its_limits(browser: Browser, world: World, wait: str) -> None:
    world.organization("lumen")

    assert browser.get(f"/api/jobs/1?wait={wait}").status_code == 422


def test_staff_list_their_organizations_jobs(browser: Browser, world: World) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    queued = world.job(lumen, world.student(lumen, "ada"))
    done = world.job(lumen, kind="booking.cancel", **DONE)
    other = world.job(thrive)

    def listed(query: str = "", **claims: Any) -> list[int]:
        items = browser.get(f"/api/admin/jobs{query}", role="admin", **claims).get_json()["items"]
        return [item["id"] for item in items]

    assert listed() == [done.id, queued.id]
    assert listed("?status=QUEUED") == [queued.id]
    assert listed("?kind=booking.cancel") == [done.id]
    assert listed(org="*") == [other.id, done.id, queued.id]


def finish(engine: Engine, job_id: int) -> None:
    with transaction(engine) as session:
        job = session.get_one(Job, job_id)
        job.status, job.result, job.finished_at = JobStatus.SUCCEEDED, {}, AT
