"""A database whose answers get lost, come late, or say no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from tests.chaos.proxy import Proxy
from tests.stripe_objects import body, checkout
from tests.studio import Studio
from webhook_gateway.event_store import EventStore, NewEvent
from worker import clock
from worker.inbox import Outcomes, drain_batch
from worker.stripe_inbox import STRIPE_EVENTS, handle


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    address = conninfo_to_dict(database_url)
    host, port = str(address["host"]), int(address.get("port") or 5432)
    with Proxy(str(Path(host) / f".s.PGSQL.{port}") if host.startswith("/") else (host, port)) as each:
        yield each


@pytest.fixture
def store(proxy: Proxy, database_url: str) -> Iterator[EventStore]:
    """Give the gateway's store of events, with the proxy in between."""
    url = make_url(database_url).set(host="127.0.0.1", port=proxy.port, query={})
    each = EventStore(url.render_as_string(hide_password=False))
    yield each
    each.close()


def new_event(number: int = 1) -> NewEvent:
    event = checkout(payment=f"pi_{number}") | {"id": f"evt_unknown_{number}"}
    return NewEvent(
        scope=0,
        organization_id=None,
        event_id=event["id"],
        type=event["type"],
        livemode=False,
        account=None,
        payload=body(event),
    )


def test_an_event_whose_commit_is_unknown_is_asked_for_again_and_stored_once(
    studio: Studio, store: EventStore, proxy: Proxy
) -> None:
    proxy.losses = 1

    is_new = store.add(new_event(1), at=clock.now())
    again = store.add(new_event(1), at=clock.now())

    assert (is_new, again) == (False, False)
    assert studio.count("stripe_events") == 1


def test_an_event_that_can_not_be_asked_for_is_not_acknowledged_and_sent_again_is_stored_once(
    studio: Studio, store: EventStore, proxy: Proxy
) -> None:
    proxy.losses = 2

    with pytest.raises(psycopg.OperationalError):
        store.add(new_event(1), at=clock.now())
    again = store.add(new_event(1), at=clock.now())
    studio.drain()

    assert proxy.losses == 0
    assert again is False
    assert studio.count("stripe_events") == 1
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_slow_database_slows_and_loses_nothing(studio: Studio, store: EventStore, proxy: Proxy) -> None:
    proxy.delay = 0.3

    stored = [store.add(new_event(number), at=clock.now()) for number in range(3)]

    assert stored == [True] * 3
    assert studio.count("stripe_events") == 3


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
