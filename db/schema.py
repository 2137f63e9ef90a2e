"""The schema's history, run from code: up, down, and what stands now."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from db.connection import driver_url
from db.models import Base

# Any number will do, as long as every migrating process uses the same one.
MIGRATION_LOCK = 7_236_810


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema up to a revision; two at once wait for each other."""
    _migrate(url, revision, down=False)


def downgrade(url: str, revision: str) -> None:
    """Take the schema down to a revision; `base` is an empty database."""
    _migrate(url, revision, down=True)


def known(revision: str) -> bool:
    """Say whether the history knows a revision."""
    return revision in {"head", "base"} or revision in {script.revision for script in _scripts().walk_revisions()}


def head() -> str:
    """Return the newest revision of the code."""
    return _scripts().get_current_head() or "base"


def current(connection: Connection) -> str:
    """Return the revision of the database; `base` where nothing was applied."""
    return MigrationContext.configure(connection).get_current_revision() or "base"


def differences(connection: Connection) -> list[object]:
    """Return where the database and the models disagree; empty is agreement."""
    return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def is_older(revision: str, than: str) -> bool:
    """Say whether one revision comes before another in the history."""
    order = ["base", *reversed([script.revision for script in _scripts().walk_revisions()])]
    places = {name: place for place, name in enumerate(order)} | {"head": len(order) - 1}
    return places[revision] < places[than]


def _migrate(url: str, revision: str, *, down: bool) -> None:
    engine = create_engine(driver_url(url), connect_args={"application_name": "punchcard-migrate"})
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
