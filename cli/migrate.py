"""The schema, up or down."""

from __future__ import annotations

import typer
from sqlalchemy import create_engine

import config
from cli import output
from db import schema
from db.connection import driver_url


def migrate(to: str) -> None:
    """Bring the schema to a revision, in whichever direction that is."""
    url = config.load().database_url
    if not schema.known(to):
        raise output.fail(
            f"there is no revision {to!r}: name one of db/migrations/versions, head or base", output.USAGE
        )
    before = _current(url)
    if not schema.known(before):
        raise output.fail(f"the database is at revision {before}, which this version does not know: take a newer one")
    if schema.is_older(to, before):
        schema.downgrade(url, to)
    else:
        schema.upgrade(url, to)
    typer.echo(f"{before} → {_current(url)}")


def _current(url: str) -> str:
    engine = create_engine(driver_url(url))
    try:
        with engine.connect() as connection:
            return schema.current(connection)
    finally:
        engine.dispose()
