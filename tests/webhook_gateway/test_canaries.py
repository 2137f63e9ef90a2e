"""No secret and nobody's data in answers, logs, metrics and messages about settings, whatever is sent or fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

import config
from cli.doctor import examine
from config import ConfigError
from db.models import EventStatus
from domain.inbox import event_view
from tests import canaries
from tests.canaries import leaked
from tests.served import WEBHOOK, Answer, Served, environment, event_request, request, served
from tests.stripe_objects import body, checkout
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World
from webhook_gateway.signature import sign
from worker import clock

SECRETS = {
    "STRIPE_WEBHOOK_SECRETS": canaries.WEBHOOK_SECRET,
    "STRIPE_API_KEY": canaries.API_KEY,
    "JWT_SECRET": f"{canaries.PASSWORD}, long enough for HS256",
    "SMTP_URL": f"smtp://ada:{canaries.PASSWORD}@127.0.0.1:1",
    "BROKER_URL": f"redis://ada:{canaries.PASSWORD}@127.0.0.1:1/0",
    "LOG_LEVEL": "debug",
}
AWAY = f"postgresql://ada:{canaries.PASSWORD}@127.0.0.1:1/none"
NOBODY = "http://127.0.0.1:9"
EVERYTHING = " ".join(canaries.ALL)
HEADER = EVERYTHING.encode("ascii", "replace").decode()


@pytest.fixture(scope="module")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a gateway whose every secret is a canary."""
    folder = tmp_path_factory.mktemp("canaries")
    with served(environment(database_url, "", folder) | SECRETS, folder / "log") as each:
        yield each
        assert leaked(each.log.read_text()) == []


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give one whose database is away, too."""
    folder = tmp_path_factory.mktemp("blind")
    with served(environment(AWAY, "", folder) | SECRETS, folder / "log") as each:
        yield each
        assert leaked(each.log.read_text()) == []


def signed(payload: bytes) -> bytes:
    return event_request(payload, Stripe_Signature=sign(payload, canaries.WEBHOOK_SECRET, at=clock.now()))


def says_nothing(told: Answer | None, status: int) -> None:
    assert told is not None
    assert told.status == status
    assert leaked(told.body.decode() + str(told.headers)) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        HEADER,
        f"t={canaries.CARD},v1={canaries.WEBHOOK_SECRET}",
        f"t=1,v1={canaries.EMAIL}",
        f"t={HEADER},t={HEADER}",
        canaries.NAME.encode().decode("latin-1"),
        canaries.WEBHOOK_SECRET * 200,
    ],
)
def test_a_signature_that_is_none_is_not_repeated(gateway: Served, header: str) -> None:
    told = gateway.say(event_request(body(checkout(email=canaries.EMAIL)), Stripe_Signature=header))

    says_nothing(told, 400)


@pytest.mark.parametrize(
    "payload",
    [
        EVERYTHING.encode(),
        f'{{"id": "evt_1", "type": "a", "data": {EVERYTHING}}}'.encode(),
        json.dumps({"id": EVERYTHING, "type": [EVERYTHING]}).encode(),
        json.dumps([EVERYTHING]).encode(),
        EVERYTHING.encode("utf-16"),
    ],
)
def test_a_signed_body_that_cannot_be_read_is_not_repeated(gateway: Served, payload: bytes) -> None:
    says_nothing(gateway.say(signed(payload)), 400)


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
@pytest.mark.parametrize("credential", [canaries.TOKEN, canaries.API_KEY, HEADER, "a." + canaries.EMAIL + ".b"])
def test_a_token_that_proves_nothing_is_not_repeated(gateway: Served, scheme: str, credential: str) -> None:
    headers = [("Authorization", f"{scheme} {credential}"), ("Cookie", HEADER), ("X-Request-Id", canaries.EMAIL)]

    told = gateway.say(request("GET", "/api/students/me/packages", headers))

    says_nothing(told, 401)


@pytest.mark.parametrize("path", ["/readyz", "/api/packages?org=lumen"])
def test_without_a_database_nobody_is_told_how_it_is_reached(blind: Served, path: str) -> None:
    says_nothing(blind.get(path), 503)


def test_an_event_that_cannot_be_stored_is_not_repeated(blind: Served) -> None:
    says_nothing(blind.say(signed(body(checkout(email=canaries.EMAIL)))), 503)
    says_nothing(blind.get("/metrics"), 200)


@pytest.mark.parametrize("name", ["status", "from", "limit", "cursor", "type"])
def test_a_value_that_is_impossible_is_not_repeated(browser: Browser, world: World, name: str) -> None:
    world.organization("lumen")
    value = EVERYTHING * 10 if name == "type" else EVERYTHING

    answer = browser.client.get("/api/admin/events", query_string={name: value}, headers=Browser.headers(role="staff"))

    assert answer.status_code in {400, 422}
    assert leaked(answer.text) == []


def raise_a_violation(*_arguments: object) -> NoReturn:
    """Have the database refuse a row, and show it in the detail of its error."""
    with psycopg.connect(config.load().database_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE people (email text UNIQUE)")
        connection.execute("INSERT INTO people VALUES (%(all)s), (%(all)s)", {"all": EVERYTHING})
    raise AssertionError


def raise_a_value_error(*_arguments: object) -> NoReturn:
    raise ValueError(EVERYTHING)


@pytest.mark.parametrize("fault", [raise_a_violation, raise_a_value_error])
def test_a_fault_of_ours_is_answered_and_logged_without_what_it_says(
    browser: Browser,
    world: World,
    settings: config.Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: Any,
) -> None:
    world.organization("lumen")
    monkeypatch.setattr(event_view, "events", fault)
    monkeypatch.setattr(config, "load", lambda: settings)

    answer = browser.get("/api/admin/events", role="staff")

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (500, "internal_error")
    assert leaked(answer.text) == []
    told = caplog.text + "".join(capsys.readouterr())
    assert "request.failed" in told
    assert leaked(told) == []


def test_staff_read_no_canary_in_the_list_of_events(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    world.event(lumen, status=EventStatus.FAILED, payload=EVERYTHING.encode(), last_error="ValueError", type="a.b")

    answer = browser.get("/api/admin/events", role="staff")

    assert answer.status_code == 200
    assert leaked(answer.text) == []


BAD_DATABASES = [
    f"postgresql://ada:{canaries.PASSWORD}%zz@127.0.0.1:1/x",
    f"postgresql://ada:at@{canaries.PASSWORD}@127.0.0.1:1/x",
    f"postgresql://ada:1/{canaries.PASSWORD}@127.0.0.1:1/x",
    f"postgresql://ada:a {canaries.PASSWORD}@127.0.0.1:1/x",
    f"postgresql://ada:a#{canaries.PASSWORD}@127.0.0.1:1/x",
    f"postgresql://ada:a[{canaries.PASSWORD}@127.0.0.1:1/x",
    f"postgresql://ada:{canaries.PASSWORD}@127.0.0.1:port/x",
    f"postgresql://127.0.0.1:1/x?password={canaries.PASSWORD}%zz",
    f"mysql://ada:{canaries.PASSWORD}@127.0.0.1/x",
    canaries.PASSWORD,
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("DATABASE_URL", url) for url in BAD_DATABASES),
        ("BROKER_URL", f"http://ada:{canaries.PASSWORD}@127.0.0.1"),
        ("BROKER_URL", f"redis://ada:{canaries.PASSWORD}@127.0.0.1:port"),
        ("SMTP_URL", f"imap://ada:{canaries.PASSWORD}@127.0.0.1"),
        ("SMTP_URL", f"smtp://ada:{canaries.PASSWORD}/@127.0.0.1:99999"),
        ("STRIPE_WEBHOOK_SECRETS", canaries.API_KEY),
        ("STRIPE_WEBHOOK_SECRETS", f"{canaries.WEBHOOK_SECRET},{canaries.PASSWORD}"),
        ("STRIPE_WEBHOOK_SECRETS", ",".join([canaries.WEBHOOK_SECRET] * 4)),
        ("STRIPE_WEBHOOK_SECRETS__THRIVE", canaries.API_KEY),
        ("STRIPE_LIVEMODE", canaries.API_KEY),
        ("LOG_LEVEL", canaries.WEBHOOK_SECRET),
        ("LOG_FORMAT", canaries.PASSWORD),
        ("PORT", canaries.PASSWORD),
        ("JWT_JWKS_URL", f"https://ada:{canaries.PASSWORD}@keys.example.com/"),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_not_shown(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = environment(AWAY, "", tmp_path) | SECRETS | {name: value}
    for each, content in environ.items():
        monkeypatch.setenv(each, content)

    with pytest.raises(ConfigError) as refused:
        config.load(environ)

    assert name.partition("__")[0] in str(refused.value) or "JWT_JWKS_URL" in str(refused.value)
    assert leaked(str(refused.value)) == []
    assert leaked(str([finding.as_row() for finding in examine()])) == []


def test_the_doctor_names_no_secret_where_nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environment(AWAY, "", tmp_path) | SECRETS | {"STRIPE_API_BASE": NOBODY}).items():
        monkeypatch.setenv(name, value)

    findings = examine()

    away = {"database", "schema", "broker", "mail", "stripe answers"}
    assert {finding.what for finding in findings if not finding.fine} == away
    assert leaked(str([finding.as_row() for finding in findings]) + repr(config.load())) == []


def test_the_path_of_a_webhook_is_where_a_canary_would_be_found(gateway: Served) -> None:
    """The one who looks for canaries sees them: here in what a caller is told of its own words."""
    payload = b'{"id": "evt_1", "type": "a.b"}'
    head = event_request(
        payload,
        path=f"{WEBHOOK}/{canaries.PASSWORD}",
        Stripe_Signature=sign(payload, canaries.WEBHOOK_SECRET, at=clock.now()),
    )

    told = gateway.say(head)

    assert told is not None
    assert told.status == 403
    assert leaked(told.body.decode()) == [canaries.PASSWORD]
