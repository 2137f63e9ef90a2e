"""What Stripe signed is kept for 35 days after it was handled; then its hash is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from freezegun import freeze_time

from db.transaction import fetch, transaction
from domain.errors import PayloadDeleted
from domain.inbox import event_view
from domain.inbox.event_replay import deleted, replay, replay_all
from domain.inbox.event_view import EventFilter
from domain.inbox.retention import BATCH, KEEP_PAYLOADS
from tests.stripe_objects import Event, body, checkout, refund
from tests.studio import Studio
from worker import clock, upkeep

SECOND = timedelta(seconds=1)


@contextmanager
def later(by: timedelta) -> Iterator[None]:
    with freeze_time(clock.now() + by, ignore=["_pytest", "pytest"]):
        yield


def prune(studio: Studio) -> int:
    return upkeep.prune_payloads(studio.engine, at=clock.now())


def kept(studio: Studio) -> dict[str, tuple[str, bytes | None, bytes | None, Any]]:
    rows = studio.rows("SELECT event_id, status, payload, payload_hash, line_items FROM stripe_events")
    return {row["event_id"]: (row["status"], row["payload"], row["payload_hash"], row["line_items"]) for row in rows}


def handled(studio: Studio, *events: Event) -> None:
    """Deliver events that are handled, at this moment."""
    with freeze_time(clock.now(), ignore=["_pytest", "pytest"]):
        studio.deliver(*events)


def test_what_was_handled_long_ago_is_kept_as_its_hash(studio: Studio) -> None:
    bought, ignored = checkout(), {"id": "evt_ignored", "type": "customer.created", "data": {"object": {}}}
    with freeze_time(clock.now(), ignore=["_pytest", "pytest"]):
        studio.deliver(bought, ignored)
        studio.rows("UPDATE stripe_events SET line_items = '{}'")

        with later(KEEP_PAYLOADS):
            before = prune(studio)
        with later(KEEP_PAYLOADS + SECOND):
            pruned, again = prune(studio), prune(studio)

    assert (before, pruned, again) == (0, 2, 0)
    assert kept(studio) == {
        bought["id"]: ("PROCESSED", None, sha256(body(bought)).digest(), None),
        "evt_ignored": ("IGNORED", None, sha256(body(ignored)).digest(), None),
    }
    assert studio.audit() == []


def test_what_waits_or_needs_a_person_is_kept(studio: Studio) -> None:
    parked, waiting = checkout("NONE-1"), refund("pi_unseen")
    handled(studio, parked, waiting)

    with later(KEEP_PAYLOADS * 2):
        assert prune(studio) == 0

    assert {row[0] for row in kept(studio).values()} == {"FAILED", "RECEIVED"}
    assert {row[1] for row in kept(studio).values()} == {body(parked), body(waiting)}


def test_it_goes_in_batches_and_what_somebody_else_holds_is_theirs(studio: Studio) -> None:
    studio.rows(
        "INSERT INTO stripe_events (scope, event_id, type, payload, due_at, received_at, finished_at, status)"
        " SELECT 0, 'evt_' || n, 'x', '{}', %(at)s, %(at)s, %(at)s, 'IGNORED' FROM generate_series(1, %(rows)s) n",
        at=clock.now() - KEEP_PAYLOADS - SECOND,
        rows=BATCH + 3,
    )

    with transaction(studio.engine) as session:
        fetch(session, "SELECT FROM stripe_events WHERE event_id IN ('evt_1', 'evt_2') FOR UPDATE")
        first = prune(studio)
    second = prune(studio)

    assert (first, second) == (BATCH + 1, 2)


def test_what_was_deleted_is_delivered_again_in_vain(studio: Studio) -> None:
    event = checkout()
    handled(studio, event)
    with later(KEEP_PAYLOADS + SECOND):
        prune(studio)

        stored = studio.receive(event)
        studio.drain()

    assert stored == [False]
    assert studio.event(event)["payload"] is None
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_what_was_deleted_is_not_replayed(studio: Studio) -> None:
    gone, young = checkout(), checkout(payment="pi_2")
    handled(studio, gone)
    with later(KEEP_PAYLOADS + SECOND):
        handled(studio, young)
        prune(studio)
        number = studio.event(gone)["id"]

        with transaction(studio.engine) as session, pytest.raises(PayloadDeleted, match=f"resend {gone['id']}"):
            replay(session, number, None, at=clock.now())
        with transaction(studio.engine) as session:
            wanted = EventFilter(type=gone["type"])
            due, left = replay_all(session, wanted, None, at=clock.now()), deleted(session, wanted, None)
            unknown = replay(session, 10**9, None, at=clock.now())

    assert (due, left, unknown) == (1, 1, None)
    assert studio.event(gone)["status"] == "PROCESSED"
    assert studio.event(young)["status"] == "RECEIVED"


def test_what_was_deleted_is_shown_by_its_hash(studio: Studio) -> None:
    event = checkout()
    handled(studio, event)
    with later(KEEP_PAYLOADS + SECOND):
        prune(studio)

    with transaction(studio.engine) as session:
        shown = event_view.body(session, studio.event(event)["id"]).shown()

    digest = sha256(body(event)).hexdigest()
    assert shown == {"payload": None, "payload_sha256": digest, "line_items": None}
