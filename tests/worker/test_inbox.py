"""A drain: batches, poison, attempts, parking, and rows that kill their process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from freezegun import freeze_time
from sqlalchemy.orm import Session

from config import Settings
from db.transaction import Rows, transaction
from tests.stripe_objects import checkout, intent
from tests.studio import Studio
from worker import runtime
from worker.inbox import (
    MAX_ATTEMPTS,
    MOST_HINDERED,
    SUSPECT_SWEEPS,
    Inbox,
    Outcomes,
    drain_batch,
    drain_row,
    drain_suspect,
)
from worker.runtime import hints
from worker.stripe_inbox import STRIPE_EVENTS, handle
from worker.sweep import note_drain, sweep

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def failing_on(bad: int, error: Callable[[], Exception]) -> Inbox:
    """The inbox of Stripe's events with one row that cannot be handled."""

    def stumble(session: Session, rows: Rows, at: datetime) -> Outcomes:
        if any(row["id"] == bad for row in rows):
            raise error()
        return handle(session, rows, at)

    return replace(STRIPE_EVENTS, handle=stumble)


def purchases(studio: Studio, number: int) -> list[dict[str, Any]]:
    events = [checkout(payment=f"pi_{place}", student=f"student-{place}") for place in range(number)]
    studio.receive(*events)
    return studio.rows("SELECT id FROM stripe_events ORDER BY id")


@pytest.fixture
def time() -> Iterator[Any]:
    with freeze_time(START) as clock:
        yield clock


def test_a_poison_row_blocks_nobody_and_is_parked_after_its_attempts(studio: Studio, time: Any) -> None:
    bad = purchases(studio, 5)[2]["id"]
    inbox = failing_on(bad, lambda: ValueError("a secret of a student"))

    for _ in range(MAX_ATTEMPTS):
        drain_batch(inbox, studio.engine)
        time.tick(timedelta(minutes=2))

    parked = studio.one("SELECT * FROM stripe_events WHERE id = %(id)s", id=bad)
    assert len(studio.packages()) == 4
    assert (parked["status"], parked["attempts"], parked["error_code"]) == ("FAILED", MAX_ATTEMPTS, "failed")
    assert parked["last_error"].startswith("ValueError at ")
    assert "secret" not in parked["last_error"]


def test_each_failure_doubles_the_delay(studio: Studio, time: Any) -> None:
    bad = purchases(studio, 1)[0]["id"]
    inbox = failing_on(bad, ValueError)
    delays = []

    for _ in range(3):
        drain_batch(inbox, studio.engine)
        due = studio.one("SELECT due_at FROM stripe_events")["due_at"]
        delays.append((due - datetime.now(UTC)).total_seconds())
        time.move_to(due)

    assert delays == [2, 4, 8]


@pytest.mark.parametrize("error", [psycopg.errors.LockNotAvailable, psycopg.errors.AdminShutdown])
def test_a_database_in_the_way_is_no_fault_of_the_row(studio: Studio, time: Any, error: type[Exception]) -> None:
    bad = purchases(studio, 1)[0]["id"]
    inbox = failing_on(bad, error)

    for _ in range(MAX_ATTEMPTS + 1):
        drain_batch(inbox, studio.engine)
        time.tick(timedelta(minutes=1))
    studio.drain()

    assert studio.one("SELECT status, attempts FROM stripe_events") == {"status": "PROCESSED", "attempts": 0}


def test_a_statement_that_takes_too_long_is(studio: Studio, time: Any) -> None:
    bad = purchases(studio, 1)[0]["id"]

    drain_batch(failing_on(bad, psycopg.errors.QueryCanceled), studio.engine)

    assert studio.one("SELECT attempts FROM stripe_events")["attempts"] == 1


def test_a_lock_that_is_in_everybodys_way_is_met_twice_and_leaves_the_rest_due(studio: Studio, time: Any) -> None:
    purchases(studio, 10)

    def locked(_session: Session, _rows: Rows, _at: datetime) -> Outcomes:
        raise psycopg.errors.LockNotAvailable

    drain_batch(replace(STRIPE_EVENTS, handle=locked), studio.engine)

    rows = studio.rows("SELECT attempts, error_code, status FROM stripe_events ORDER BY id")
    assert [row["error_code"] for row in rows] == ["failed"] * MOST_HINDERED + [None] * (10 - MOST_HINDERED)
    assert {(row["attempts"], row["status"]) for row in rows} == {(0, "RECEIVED")}


def test_a_suspect_that_only_met_a_lock_is_none_and_has_tried_nothing(studio: Studio, time: Any) -> None:
    row = purchases(studio, 1)[0]["id"]
    studio.rows("UPDATE stripe_events SET sweeps = %(sweeps)s", sweeps=SUSPECT_SWEEPS)

    assert drain_suspect(failing_on(row, psycopg.errors.LockNotAvailable), studio.engine)

    left = studio.one("SELECT attempts, sweeps, status FROM stripe_events")
    assert (left["attempts"], left["sweeps"], left["status"]) == (0, 0, "RECEIVED")


def test_a_batch_that_fails_leaves_nothing_half_done(studio: Studio, time: Any) -> None:
    def half_way(session: Session, rows: Rows, at: datetime) -> Outcomes:
        handle(session, rows, at)
        raise ValueError

    purchases(studio, 3)

    drain_batch(replace(STRIPE_EVENTS, handle=half_way), studio.engine)

    assert studio.packages() == []
    assert studio.count("payments") == 0
    assert studio.count("students") == 0


def test_rows_that_another_worker_holds_are_left_to_it(studio: Studio) -> None:
    purchases(studio, 3)

    with transaction(studio.engine) as session:
        session.connection().exec_driver_sql("SELECT 1 FROM stripe_events LIMIT 2 FOR UPDATE")
        taken = drain_batch(STRIPE_EVENTS, studio.engine)

    assert taken == 1


def test_what_tells_of_one_payment_is_claimed_together_however_far_apart_it_stands(studio: Studio) -> None:
    first, *others = [checkout(payment=f"pi_{number}", student=f"student-{number}") for number in range(4)]
    studio.receive(first, *others, intent("pi_0"))
    one_at_a_time = replace(STRIPE_EVENTS, batch=1)

    taken = [drain_batch(one_at_a_time, studio.engine) for _ in range(5)]

    assert taken == [2, 1, 1, 1, 0]
    assert len(studio.packages()) == 4


def test_of_a_payments_events_those_that_another_worker_holds_or_that_are_not_due_stay(
    studio: Studio, time: Any
) -> None:
    studio.receive(checkout(payment="pi_1"), intent("pi_1"), intent("pi_1"))
    ids = [row["id"] for row in studio.rows("SELECT id FROM stripe_events ORDER BY id")]
    studio.rows(
        "UPDATE stripe_events SET due_at = %(later)s WHERE id = %(id)s", later=START + timedelta(hours=1), id=ids[2]
    )

    with transaction(studio.engine) as session:
        session.connection().exec_driver_sql(f"SELECT 1 FROM stripe_events WHERE id = {ids[1]} FOR UPDATE")
        taken = drain_batch(STRIPE_EVENTS, studio.engine)

    assert taken == 1
    left = [row["id"] for row in studio.rows("SELECT id FROM stripe_events WHERE status = 'RECEIVED' ORDER BY id")]
    assert left == ids[1:]


def test_a_key_that_is_wrong_or_missing_changes_nothing(studio: Studio) -> None:
    events = [checkout(payment=f"pi_{number}", student=f"student-{number}") for number in range(4)]
    studio.receive(*events, *(intent(f"pi_{number}") for number in range(4)))
    studio.rows("UPDATE stripe_events SET payment_key = CASE id %% 3 WHEN 0 THEN 'pi_none' WHEN 1 THEN 'pi_1' END")

    studio.drain()

    assert len(studio.packages()) == 4
    assert studio.audit() == []


def test_a_row_that_is_not_due_is_not_handled_however_it_is_named(studio: Studio, time: Any) -> None:
    row = purchases(studio, 1)[0]["id"]
    studio.rows("UPDATE stripe_events SET due_at = %(later)s", later=START + timedelta(hours=1))

    drain_row(STRIPE_EVENTS, studio.engine, row)
    drain_row(STRIPE_EVENTS, studio.engine, 999_999)

    assert studio.packages() == []


def test_a_row_that_drains_leave_at_the_head_of_the_queue_becomes_a_suspect(studio: Studio, time: Any) -> None:
    purchases(studio, 1)

    for _ in range(SUSPECT_SWEEPS):
        time.tick(timedelta(seconds=30))
        note_drain(studio.engine, STRIPE_EVENTS)
        sweep(studio.engine, [STRIPE_EVENTS], hints(), at=datetime.now(UTC))

    assert drain_batch(STRIPE_EVENTS, studio.engine) == 0
    assert drain_suspect(STRIPE_EVENTS, studio.engine)
    assert studio.packages() == [("EXPLORER-5", "student-0")]


def test_rows_that_nobody_came_for_are_no_suspects(studio: Studio, time: Any) -> None:
    note_drain(studio.engine, STRIPE_EVENTS)
    purchases(studio, 3)

    for _ in range(10):
        time.tick(timedelta(seconds=30))
        sweep(studio.engine, [STRIPE_EVENTS], hints(), at=datetime.now(UTC))

    assert drain_batch(STRIPE_EVENTS, studio.engine) == 3


def test_a_passing_fault_parks_nobody_however_often_it_was_tried(studio: Studio, time: Any) -> None:
    bad = purchases(studio, 1)[0]["id"]
    studio.rows("UPDATE stripe_events SET attempts = %(n)s", n=MAX_ATTEMPTS)

    drain_batch(failing_on(bad, psycopg.errors.LockNotAvailable), studio.engine)

    assert studio.one("SELECT status FROM stripe_events")["status"] == "RECEIVED"


def test_a_suspect_that_kills_every_process_is_parked_and_told(studio: Studio, time: Any) -> None:
    purchases(studio, 1)
    studio.rows("UPDATE stripe_events SET sweeps = 3, attempts = %(n)s", n=MAX_ATTEMPTS)

    assert drain_suspect(STRIPE_EVENTS, studio.engine)

    parked = studio.one("SELECT * FROM stripe_events")
    assert (parked["status"], parked["error_code"]) == ("FAILED", "worker_lost")
    assert studio.packages() == []
    assert not drain_suspect(STRIPE_EVENTS, studio.engine)


def test_the_attempt_of_a_suspect_is_counted_before_it_is_tried(studio: Studio, time: Any) -> None:
    bad = purchases(studio, 1)[0]["id"]
    studio.rows("UPDATE stripe_events SET sweeps = 3")

    class Killed(BaseException):
        """What ends a process, and no handler catches."""

    def die(session: Session, rows: Rows, at: datetime) -> Outcomes:
        raise Killed

    with pytest.raises(Killed):
        drain_suspect(replace(STRIPE_EVENTS, handle=die), studio.engine)

    assert studio.one("SELECT attempts, status FROM stripe_events WHERE id = %(id)s", id=bad) == {
        "attempts": 1,
        "status": "RECEIVED",
    }


def test_events_of_the_other_mode_are_quarantined(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_LIVEMODE", "true")
    runtime.settings.cache_clear()

    studio.deliver(checkout())

    event = studio.one("SELECT * FROM stripe_events")
    assert (event["status"], event["error_code"]) == ("QUARANTINED", "wrong_mode")
    assert studio.packages() == []


@pytest.mark.parametrize("plan", ["seqscan", "hashjoin", "mergejoin"])
def test_a_workers_session_makes_no_plan_that_reads_whole_tables(settings: Settings, plan: str) -> None:
    with transaction(runtime.engine()) as session:
        told = session.connection().exec_driver_sql(f"SHOW enable_{plan}").scalar_one()

    runtime.engine().dispose()
    assert told == "off"
