"""The demo studios, for a first look at a running system."""

from __future__ import annotations

from pathlib import Path

import yaml

from db.connection import build_engine
from db.transaction import transaction
from domain.catalog_file import Changes, apply, check
from worker import clock

DEMO = Path(__file__).with_name("demo.yaml")


def seed(database_url: str) -> Changes:
    """Make the two demo studios, or bring them up to date; running it again changes nothing."""
    catalog = check(yaml.safe_load(DEMO.read_text()))
    engine = build_engine(database_url, name="seed", size=1)
    try:
        with transaction(engine) as session:
            return apply(session, catalog, at=clock.now())
    finally:
        engine.dispose()
