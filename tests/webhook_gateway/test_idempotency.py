"""The same key and the same request are the same job; everything else is not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from db.models import Job
from db.transaction import reading
from tests.stack import wait_for
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.finisher import finish
from tests.webhook_gateway.world import World
from webhook_gateway import idempotency
from webhook_gateway.problem import CATALOGUE, Problem

BODY = {"sessionId": 1}
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
FULL: dict[str, Any] = {"code": "session_full", "detail": "Join the waitlist, or take another session."}


@pytest.fixture
def lumen(world: World) -> World:
    """Give a world with an organization and two students of it."""
    lumen = world.organization("lumen")
    world.student(lumen, "ada")
    world.student(lumen, "bob")
    return world


def jobs(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return list(session.scalars(select(Job.id).order_by(Job.id)))


def same(one: TestResponse, other: TestResponse) -> bool:
    names = ("Content-Type", "Location", "Link")
    return (one.status_code, one.data, *map(one.headers.get, names)) == (
        other.status_code,
        other.data,
        *map(other.headers.get, names),
    )


def read_key(*values: str) -> str | None:
    with Flask("tests").test_request_context(headers=[("Idempotency-Key", value) for value in values]):
        return idempotency.key(request)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (' "abc"\t', "abc"),
        ('"a b,c;d"', "a b,c;d"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("a:b/c=d_e.f~g!", "a:b/c=d_e.f~g!"),
        ("x" * 255, "x" * 255),
        ('"' + '\\"' * 255 + '"', '"' * 255),
    ],
)
def test_a_key_is_the_same_in_quotes_and_bare(header: str, key: str) -> None:
    assert read_key(header) == key


def test_no_key_is_no_key() -> None:
    assert read_key() is None


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ['""'],
        ["x" * 256],
        ['"' + "x" * 256 + '"'],
        ["a b"],
        ["\x7f"],
        ['"\x01"'],
        ["\xe9"],
        ['"\xe9"'],
        ["a", "b"],
        ['"a"', '"b"'],
        ['"a", "b"'],
        ["a,b"],
        ['"a";p=1'],
        ["a;p=1"],
        ['"a'],
        ['a"'],
        ['"a\\x"'],
        ["a\\b"],
        [":YWJj: x"],
    ],
    ids=repr,
)
def test_what_is_not_one_key_is_refused(values: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        read_key(*values)

    assert refused.value.code == "malformed_request"


def test_a_malformed_key_stores_nothing(browser: Browser, lumen: World) -> None:
    answer = browser.command(body=BODY, headers={"Idempotency-Key": '"a";b=1'})

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (400, "malformed_request")
    assert jobs(lumen.engine) == []


def test_the_same_key_from_twenty_at_once_is_one_job(browser: Browser, lumen: World) -> None:
    def ask(_: int) -> TestResponse:
        return Browser(browser.client.application.test_client()).command(body=BODY, headers=KEY)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(40)))

    (job_id,) = jobs(lumen.engine)
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers["Location"] for answer in answers} == {f"/api/jobs/{job_id}"}
    assert not any("Idempotent-Replayed" in answer.headers for answer in answers)


@pytest.mark.parametrize("problem", [None, FULL], ids=["success", "problem"])
def test_a_finished_command_is_answered_alike_for_ever(
    browser: Browser, lumen: World, database_url: str, problem: dict[str, Any] | None
) -> None:
    job_id = browser.command(body=BODY, headers=KEY).get_json()["id"]
    result = {"booking": {"z": 1, "a": "\u00e9\u2028\U0001f600", "nested": {"b": [1.50, None]}}}
    finish(database_url, job_id, result=result, problem=problem)

    replays = [
        browser.command(body=BODY, headers=KEY | {"Prefer": each}) for each in ("respond-async", "wait=5", "wait=5", "")
    ]
    shown = browser.get(f"/api/jobs/{job_id}").get_json()

    assert all(same(replays[0], each) for each in replays)
    assert all(each.headers["Idempotent-Replayed"] == "true" for each in replays)
    assert replays[0].status_code == (409 if problem else 201)
    assert replays[0].get_json(force=True) == shown["problem" if problem else "result"]
    assert jobs(lumen.engine) == [job_id]


def test_the_first_answer_and_its_replay_are_the_same_bytes(browser: Browser, lumen: World, database_url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.command, body=BODY, headers=KEY | {"Prefer": "wait=20"})
        finish(database_url, *wait_for(lambda: jobs(lumen.engine), what="the job"), problem=FULL)
        first = waiting.result()

    replay = browser.command(body=BODY, headers=KEY)

    assert "Idempotent-Replayed" not in first.headers
    assert same(first, replay)
    assert first.get_json(force=True)["instance"] == f"urn:punchcard:job:{jobs(lumen.engine)[0]}"


@pytest.mark.parametrize(
    "change",
    [
        lambda browser: browser.command(body={"sessionId": 2}, headers=KEY),
        lambda browser: browser.command("/api/bookings?x=1", body=BODY, headers=KEY),
        lambda browser: browser.client.post(
            "/api/bookings",
            data=b'{"sessionId":  1}',
            content_type="application/json",
            headers=browser.headers() | KEY,
        ),
        lambda browser: browser.client.post(
            "/api/bookings",
            json=BODY,
            content_type="application/json; charset=utf-8",
            headers=browser.headers() | KEY,
        ),
    ],
    ids=["another session", "a query", "other bytes", "another type"],
)
def test_a_key_does_not_go_with_another_request(
    browser: Browser, lumen: World, change: Callable[[Browser], TestResponse]
) -> None:
    browser.command(body=BODY, headers=KEY)

    answer = change(browser)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "idempotency_key_reused")
    assert len(jobs(lumen.engine)) == 1


def test_the_order_of_a_query_is_not_another_request(browser: Browser, lumen: World) -> None:
    for query in ("a=1&b=2", "b=2&a=1"):
        assert browser.command(f"/api/bookings?{query}", body=BODY, headers=KEY).status_code == 202

    assert len(jobs(lumen.engine)) == 1


def test_a_key_is_its_callers_own(browser: Browser, lumen: World) -> None:
    lumen.student(lumen.organization("thrive"), "ada")

    answers = [
        browser.command(body=BODY, headers=KEY),
        browser.command(body=BODY, headers=KEY, sub="bob"),
        browser.command(body=BODY, headers=KEY, org="thrive"),
        browser.command(body=BODY | {"studentId": "ada"}, headers=KEY, sub="ada", role="staff"),
    ]

    assert [answer.status_code for answer in answers] == [202] * 4
    assert len(jobs(lumen.engine)) == 4


def test_a_key_is_its_routes_own(browser: Browser, world: World) -> None:
    booking = world.a_booking(world.organization("lumen"), "ada")
    address = f"/api/bookings/{booking.id}"

    answers = [
        browser.command(body=BODY, headers=KEY),
        browser.command(f"{address}/change", body=BODY, headers=KEY),
        browser.command(address, method="DELETE", headers=KEY),
    ]

    assert [answer.status_code for answer in answers] == [202] * 3
    assert len(jobs(world.engine)) == 3


def test_one_key_for_two_bookings_is_refused(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    one, other = world.a_booking(lumen, "ada"), world.a_booking(lumen, "ada")

    answers = [browser.command(f"/api/bookings/{each.id}", method="DELETE", headers=KEY) for each in (one, other)]

    assert [answer.status_code for answer in answers] == [202, 422]


def test_what_was_refused_before_it_was_stored_is_not_remembered(browser: Browser, lumen: World) -> None:
    refused = [
        browser.command(body={"sessionId": 0}, headers=KEY),
        browser.command(body=BODY | {"paymentType": "FREE"}, headers=KEY),
        browser.command("/api/bookings/1", method="DELETE", headers=KEY),
    ]

    answers = [browser.command(body=BODY, headers=KEY)]

    assert [answer.status_code for answer in refused] == [422, 403, 404]
    assert answers[0].status_code == 202
    assert len(jobs(lumen.engine)) == 1


def test_without_a_key_every_request_is_a_job(browser: Browser, lumen: World) -> None:
    for _ in range(3):
        browser.command(body=BODY)

    assert len(jobs(lumen.engine)) == 3


def test_every_problem_of_a_job_keeps_its_status(browser: Browser, lumen: World, database_url: str) -> None:
    for number, code in enumerate(CATALOGUE):
        key = {"Idempotency-Key": f"key-{number}"}
        job_id = browser.command(body=BODY, headers=key).get_json()["id"]
        finish(database_url, job_id, problem={"code": code, "detail": "Do this."})

        answer = browser.command(body=BODY, headers=key)

        assert answer.status_code == CATALOGUE[code].status
        assert answer.get_json(force=True)["type"] == f"urn:punchcard:problem:{code}"
        assert answer.mimetype == "application/problem+json"
