"""Real servers for every test: PostgreSQL and the broker are started once, tables emptied between tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from cli.embedded.broker import EmbeddedBroker
from cli.embedded.postgres import EmbeddedPostgres
from config import Settings
from db.connection import build_engine
from db.models import Base
from db.schema import upgrade
from tests.fakestripe import fake as fake  # noqa: PLC0414 - a fixture for all
from tests.studio import Studio, open_studio
from tests.timetable import Timetable
from worker import runtime

# Row by row from the leaves up: TRUNCATE gives each of a hundred tables and indexes a new file, which takes
# ten times as long as the few rows of a test.
EMPTY = (
    "".join(f"DELETE FROM {table.name}; " for table in reversed(Base.metadata.sorted_tables))
    + "SELECT setval(oid::regclass, 1, false) FROM pg_class"
    " WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a PostgreSQL server: TEST_DATABASE_URL's, else an embedded one."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with EmbeddedPostgres(tmp_path_factory.mktemp("server") / "postgres") as server:
        yield server.url


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("server") / "broker") as broker:
        yield broker.url


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """Give a database of this run's own, migrated."""
    name = f"test_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    base, _, query = server_url.partition("?")
    url = f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
    upgrade(url)
    yield url
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared_engine(database_url: str) -> Iterator[Engine]:
    engine = build_engine(database_url, name="test", size=20)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """Give connections to an empty database."""
    yield shared_engine
    with shared_engine.begin() as connection:
        connection.execute(text(EMPTY))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def settings(database_url: str, broker_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Give this process the settings of a stack on the test's servers."""
    environ = {
        "PUNCHCARD_HOME": str(home),
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "JWT_SECRET": "a secret of the tests, long enough for HS256",
        "STRIPE_WEBHOOK_SECRETS": "whsec_platform",
        "STRIPE_WEBHOOK_SECRETS__THRIVE": "whsec_thrive",
    }
    for name in list(os.environ):
        if name.startswith(("STRIPE_", "JWT_", "SMTP_")):
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    runtime.settings.cache_clear()
    yield runtime.settings()
    runtime.settings.cache_clear()


@pytest.fixture
def studio(engine: Engine, settings: Settings) -> Studio:
    """Give the demo studios on an empty database."""
    return open_studio(engine, settings.mail_folder)


@pytest.fixture
def timetable(studio: Studio) -> Timetable:
    """Give the calendar of the demo studios, empty, with a verb for each command."""
    return Timetable(studio)
