"""The database behind a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

import config
from db.connection import build_engine


@contextmanager
def database() -> Iterator[Engine]:
    """Give connections to the stack of this folder or environment, closed at the end."""
    engine = build_engine(config.load().database_url, name="cli", size=2)
    try:
        yield engine
    finally:
        engine.dispose()
