"""A drain whose database cuts it off or says no."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker.inbox import Outcomes, drain_batch
from worker.stripe_inbox import STRIPE_EVENTS, handle


def test_a_drain_whose_connection_dies_at_the_commit_does_nothing_twice(studio: Studio) -> None:
    def cut_off(session: Session, rows: Rows, at: datetime) -> Outcomes:
        outcomes = handle(session, rows, at)
        pid = fetch(session, "SELECT pg_backend_pid() AS pid")[0]["pid"]
        studio.rows("SELECT pg_terminate_backend(%(pid)s)", pid=pid)
        return outcomes

    studio.receive(checkout())

    drain_batch(replace(STRIPE_EVENTS, handle=cut_off), studio.engine)
    before = studio.packages()
    studio.rows("UPDATE stripe_events SET due_at = received_at")
    studio.drain()

    assert before == []
    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.one("SELECT attempts FROM stripe_events")["attempts"] == 0
    assert studio.audit() == []


def test_a_database_that_only_reads_parks_nothing_and_is_written_to_again(studio: Studio, database_url: str) -> None:
    name = make_url(database_url).database
    studio.receive(checkout())
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    studio.engine.dispose()

    try:
        with pytest.raises(Exception, match="read-only"):
            drain_batch(STRIPE_EVENTS, studio.engine)
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        studio.engine.dispose()
    studio.drain()

    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.one("SELECT attempts FROM stripe_events")["attempts"] == 0
