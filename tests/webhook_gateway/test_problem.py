from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.test import TestResponse

import config
import webhook_gateway
from domain import errors
from domain.inbox import job_retry
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World
from webhook_gateway.app import create_app
from webhook_gateway.fault import FRAMEWORK, UNREADABLE
from webhook_gateway.problem import CATALOGUE

REPLAY = "/api/admin/events/1/replay"


def problem(answer: TestResponse) -> tuple[int, str]:
    """Check that an answer is a whole problem, and return its status and code."""
    body = answer.get_json(force=True)
    assert answer.mimetype == "application/problem+json"
    assert body["status"] == answer.status_code == CATALOGUE[body["code"]].status
    assert body["type"] == f"urn:punchcard:problem:{body['code']}"
    assert body["title"] == CATALOGUE[body["code"]].title
    assert body["instance"] == f"urn:punchcard:request:{answer.headers['X-Request-Id']}"
    assert body["detail"]
    assert answer.headers["Link"] == f'</docs/problems#{body["code"]}>; rel="help"'
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", "/api/", "//healthz", "/healthz/", "/docs/", "/%2e%2e/etc/passwd"]
)
def test_an_address_that_leads_nowhere(client: FlaskClient, path: str) -> None:
    assert problem(client.get(path)) == (404, "not_found")


def test_a_method_that_does_not_fit_names_those_that_do(client: FlaskClient) -> None:
    answer = client.delete("/api/packages")

    assert problem(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_each_field_at_fault_is_named(client: FlaskClient) -> None:
    answer = client.get("/api/packages?limit=0&unknown=1&a/b~c=1")

    assert problem(answer) == (422, "validation_failed")
    pointers = [error["pointer"] for error in answer.get_json(force=True)["errors"]]
    assert pointers == ["#/limit", "#/unknown", "#/a~1b~0c"]


@pytest.mark.parametrize(
    "path", ["/api/packages?org=a%00b", "/api/packages?%00=1", "/nowhere%00", "/webhooks/stripe/%00"]
)
def test_what_the_database_cannot_store_is_refused(client: FlaskClient, path: str) -> None:
    assert problem(client.open(path)) == (400, "malformed_request")


@pytest.mark.parametrize("path", ["/api/packages?org=%ff%fe", "/api/packages?org=%ed%a0%80", "/%ed%a0%80"])
def test_broken_encodings_break_nothing(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in {403, 404}


@pytest.mark.parametrize(
    ("body", "media", "expected"),
    [
        (b"a=1", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b"{", "application/json", (400, "malformed_request")),
        (b"\xff", "application/json", (400, "malformed_request")),
        (b"[" * 100_000, "application/json", (400, "malformed_request")),
        (b"9" * 5000, "application/json", (400, "malformed_request")),
        (b'{"a": ["\\u0000"]}', "application/json", (400, "malformed_request")),
        (b'{"\\ud800": 1}', "application/json", (400, "malformed_request")),
        (b" " * (1024 * 1024 + 1), "application/json", (413, "payload_too_large")),
        (b'{"a": "\\\\u0000"}', "application/json", (404, "not_found")),
        (b"", "text/plain", (404, "not_found")),
    ],
    ids=range(10),
)
def test_a_body_is_json_that_can_be_stored(
    browser: Browser, world: World, body: bytes, media: str, expected: tuple[int, str]
) -> None:
    world.organization("lumen")
    headers = browser.headers(role="staff")

    answer = browser.client.post(REPLAY, data=body, content_type=media, headers=headers)

    assert problem(answer) == expected


@pytest.mark.parametrize(
    "cursor", ["", "!", "MQ==", "eA", "LTE", "MDE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "2aE", "a" * 65]
)
def test_a_cursor_is_ours_or_nothing(browser: Browser, world: World, cursor: str) -> None:
    world.organization("lumen")

    status, _ = problem(browser.get(f"/api/students/me/orders?cursor={cursor}"))

    assert status == (422 if len(cursor) > 64 else 400)


@pytest.fixture
def faulty(settings: config.Settings) -> OpenAPI:
    """Give a gateway with a route that is broken."""
    app = create_app(settings)

    def broken() -> str:
        secret = "sk_live_canary"
        raise RuntimeError(secret)

    app.add_url_rule("/broken", view_func=broken)
    return app


def test_a_fault_of_ours_shows_and_logs_no_secrets(faulty: OpenAPI, capfd: pytest.CaptureFixture[str]) -> None:
    answer = faulty.test_client().get("/broken")

    assert problem(answer) == (500, "internal_error")
    out, err = capfd.readouterr()
    assert "request.failed" in out + err
    assert all(
        "sk_live_canary" not in text.replace('secret = "sk_live_canary"', "") for text in (answer.text, out, err)
    )
    assert all(word not in answer.text for word in ("RuntimeError", "Traceback", "test_problem.py"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a-Z_0.9", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("é", False),
        ("<script>", False),
        ("", False),
    ],
)
def test_a_request_keeps_a_name_that_is_one(client: FlaskClient, given: str, *, kept: bool) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given.encode().decode("latin-1")})

    assert (answer.headers["X-Request-Id"] == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/api/packages", "/docs", "/openapi.json"])
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def kinds(of: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    """Yield every kind of error below one."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_code_in_use_is_in_the_catalogue_and_on_its_page(client: FlaskClient) -> None:
    source = "".join(path.read_text() for path in Path(webhook_gateway.__path__[0]).rglob("*.py"))
    raised = set(re.findall(r'Problem\(\s*"(\w+)"', source))
    of_framework = {code for code, _ in [*FRAMEWORK.values(), UNREADABLE]}
    of_rules = {error.code for error in kinds(errors.DomainError)} - {errors.Refusal.code}

    page = client.get("/docs/problems").text

    assert raised | of_framework | of_rules | {*job_retry.OURS} == set(CATALOGUE)
    assert all(f'id="{code}"' in page for code in CATALOGUE)
