"""Catalogs that are applied while others hold their organizations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from cli.demo import DEMO
from db.transaction import transaction
from domain.catalog import product
from domain.catalog.entries import ProductEntry
from domain.purchase.products import hold_still
from tests.stack import wait_for
from tests.studio import Studio
from worker import clock

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def backwards() -> dict[str, Any]:
    """Return the demo's catalog with its organizations in the opposite order of their ids."""
    document: dict[str, Any] = yaml.safe_load(DEMO.read_text())
    document["organizations"].reverse()
    return document


def test_a_catalog_that_waits_for_one_organization_holds_none_that_comes_after(studio: Studio) -> None:
    first, second = (row["id"] for row in studio.rows("SELECT id FROM organizations ORDER BY id"))

    with ThreadPoolExecutor(1) as pool:
        with transaction(studio.engine) as session:
            hold_still(session, [first])
            applied = pool.submit(studio.apply, backwards())
            wait_for(lambda: studio.rows(WAITING), seconds=2, what="the catalog waits")
            hold_still(session, [second])

        assert applied.result(10).updated == []


def test_a_package_is_not_made_while_somebody_parks_a_purchase_for_it(studio: Studio) -> None:
    lumen = studio.one("SELECT id FROM organizations WHERE slug = 'lumen'")["id"]
    line = {"service_type": "GROUP", "credits": 1, "credit_unit_minutes": 60}
    entry = ProductEntry.model_validate(
        {"code": "NEW", "name": "New", "price": 1, "validity_days": 1, "allowances": [line]}
    )

    def make() -> None:
        with transaction(studio.engine) as session:
            product.create(session, lumen, entry, at=clock.now())

    with ThreadPoolExecutor(1) as pool, transaction(studio.engine) as session:
        hold_still(session, [lumen])
        made = pool.submit(make)
        wait_for(lambda: studio.rows(WAITING), seconds=2, what="the package waits")
        assert not made.done()
        session.rollback()
        made.result(10)
