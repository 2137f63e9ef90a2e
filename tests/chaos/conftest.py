"""What the chaos is made of: a stack that most of these tests share, and a crew of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from config import Settings
from tests import served
from tests.chaos.crew import Crew, forget_hints
from tests.chaos.proxy import Proxy
from tests.stack import Stack, running
from tests.studio import Studio


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("chaos") / "home") as each:
        yield each


@pytest.fixture(scope="module")
def proxy(database_url: str) -> Iterator[Proxy]:
    """Give a proxy in front of the database."""
    address = conninfo_to_dict(database_url)
    host, port = str(address["host"]), int(address.get("port") or 5432)
    with Proxy(str(Path(host) / f".s.PGSQL.{port}") if host.startswith("/") else (host, port)) as each:
        yield each


@pytest.fixture(scope="module")
def proxied_url(proxy: Proxy, database_url: str) -> str:
    url = make_url(database_url).set(host="127.0.0.1", port=proxy.port, query={})
    return url.render_as_string(hide_password=False)


@pytest.fixture
def crew(studio: Studio, settings: Settings, tmp_path: Path) -> Iterator[Crew]:
    forget_hints(settings.broker_url)
    environ = served.environment(settings.database_url, settings.broker_url, settings.home)
    each = Crew(studio, environ, tmp_path)
    try:
        yield each
    finally:
        each.dismiss()
