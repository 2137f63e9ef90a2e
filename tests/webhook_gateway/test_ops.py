from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

import config
from db.connection import build_engine
from db.models import EventStatus
from db.schema import head
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World
from webhook_gateway.app import create_app
from worker import clock


@pytest.fixture
def blind(settings: config.Settings) -> FlaskClient:
    """Give a gateway whose database is away."""
    engine = build_engine("postgresql://nobody@127.0.0.1:1/nothing", name="test", size=1)
    return create_app(settings, engine).test_client()


@pytest.fixture
def revision(engine: Engine) -> Iterator[Engine]:
    """Give the database back its revision after a test."""
    yield engine
    set_revision(engine, head())


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_living_process_says_so(blind: FlaskClient) -> None:
    assert blind.get("/healthz").json == {"status": "ok"}


def test_it_is_ready_without_its_broker_and_says_so(client: FlaskClient, settings: config.Settings) -> None:
    assert settings.broker_url == "redis://127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "databaseSchema": head(), "broker": "unreachable"}


def test_a_database_of_a_newer_deploy_is_good_enough(client: FlaskClient, revision: Engine) -> None:
    set_revision(revision, "9999")

    assert client.get("/readyz").status_code == 200


def test_a_database_without_the_schema_is_not(client: FlaskClient, revision: Engine) -> None:
    set_revision(revision, "base")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "schema_outdated")


@pytest.mark.parametrize("path", ["/readyz", "/api/packages?org=lumen", "/api/students/me/packages"])
def test_without_its_database_it_asks_to_be_asked_again(blind: FlaskClient, path: str) -> None:
    headers = {} if "org=" in path else Browser.headers()

    answer = blind.get(path, headers=headers)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "127.0.0.1" not in answer.text


def test_requests_are_counted_by_route_and_never_by_what_a_stranger_writes(browser: Browser, world: World) -> None:
    world.organization("lumen")

    browser.get("/api/jobs/123456789")
    browser.get("/strange/place")
    browser.client.open("/healthz", method="BREW")
    metrics = browser.client.get("/metrics").text

    assert 'punchcard_http_requests_total{method="GET",route="/api/jobs/<id:job_id>",status="404"}' in metrics
    assert 'punchcard_http_requests_total{method="GET",route="unmatched",status="404"}' in metrics
    assert 'punchcard_http_requests_total{method="OTHER",route="unmatched",status="405"}' in metrics
    assert all(word not in metrics for word in ("123456789", "strange", "BREW"))


def test_the_backlog_is_shown_by_status_and_age(client: FlaskClient, world: World) -> None:
    lumen = world.organization("lumen")
    for status in (EventStatus.RECEIVED, EventStatus.FAILED, EventStatus.QUARANTINED, EventStatus.PROCESSED):
        world.event(lumen, status=status)

    lines = client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line.startswith("punchcard_"))

    for name in ("RECEIVED", "FAILED", "QUARANTINED"):
        assert values[f'punchcard_backlog_rows{{status="{name}",table="stripe_events"}}'] == "1.0"
    assert values['punchcard_backlog_rows{status="PENDING",table="notifications"}'] == "0.0"
    assert float(values['punchcard_backlog_oldest_due_seconds{table="stripe_events"}']) > 0
    assert values["punchcard_database_up"] == "1.0"


def shown(client: FlaskClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


def test_what_drains_did_is_counted_and_how_long_ago_the_last_one_began(client: FlaskClient, engine: Engine) -> None:
    before = shown(client)
    with engine.begin() as connection:
        began = {"at": clock.now() - timedelta(minutes=2)}
        connection.execute(text("INSERT INTO drains VALUES ('stripe_events', :at, 7, 350, 1.5)"), began)

    values = shown(client)

    assert not [name for name in before if name.startswith("punchcard_drain")]
    assert values['punchcard_drain_batches_total{table="stripe_events"}'] == 7
    assert values['punchcard_drain_rows_total{table="stripe_events"}'] == 350
    assert values['punchcard_drain_seconds_total{table="stripe_events"}'] == 1.5
    assert 120 <= values['punchcard_drain_age_seconds{table="stripe_events"}'] < 180


def test_metrics_are_shown_without_a_database(blind: FlaskClient) -> None:
    assert "punchcard_database_up 0.0" in blind.get("/metrics").text
