"""A gateway over the real database, its tokens, and a world to ask about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine
from werkzeug.test import TestResponse

import config
from cli.token import mint
from tests.served import environment
from tests.webhook_gateway.world import World
from webhook_gateway.app import create_app
from webhook_gateway.gateway import KEY
from worker import runtime

SECRET = "a secret of the tests, long enough for HS256"


@dataclass
class Browser:
    """Asks with a token."""

    client: FlaskClient

    def get(self, path: str, **claims: Any) -> TestResponse:
        return self.client.get(path, headers=self.headers(**claims))

    def post(self, path: str, **claims: Any) -> TestResponse:
        return self.client.post(path, headers=self.headers(**claims))

    def command(
        self,
        path: str = "/api/bookings",
        body: object = None,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        **claims: Any,
    ) -> TestResponse:
        """Send a command, without waiting for its outcome unless the headers say so."""
        said = {"Prefer": "respond-async"} | self.headers(**claims) | dict(headers or {})
        return self.client.open(path, method=method, headers=said, json=body)

    @staticmethod
    def headers(*, sub: str = "ada", org: str = "lumen", role: str = "student", **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {mint(SECRET, org=org, role=role, sub=sub, **claims)}"}


@pytest.fixture(scope="session")
def settings(database_url: str) -> config.Settings:
    return config.load(
        {
            "DATABASE_URL": database_url,
            "BROKER_URL": "redis://127.0.0.1:1/0",
            "JWT_SECRET": SECRET,
            "STRIPE_WEBHOOK_SECRETS": "whsec_tests",
        }
    )


@pytest.fixture(scope="session")
def shared_app(settings: config.Settings, shared_engine: Engine) -> Iterator[OpenAPI]:
    app = create_app(settings, shared_engine)
    yield app
    app.extensions[KEY].close()


@pytest.fixture
def app(shared_app: OpenAPI, engine: Engine) -> OpenAPI:
    """Give the application, over tables that are emptied afterwards."""
    assert engine
    # Organizations last for ever, but for tests.
    shared_app.extensions[KEY].jobs.organizations.clear()
    return shared_app


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def browser(client: FlaskClient) -> Browser:
    return Browser(client)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def of_a_worker(database_url: str, broker_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this process do the work that it stores."""
    for name, value in environment(database_url, broker_url, home).items():
        monkeypatch.setenv(name, value)
    runtime.settings.cache_clear()
    yield
    runtime.settings.cache_clear()
