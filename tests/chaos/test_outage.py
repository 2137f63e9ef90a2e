"""A whole stack whose servers hang, restart, end its sessions or refuse to write, while purchases flow."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from tests.chaos.crew import PATIENCE, wake
from tests.chaos.flow import END_SESSIONS, Flow, flowing
from tests.stack import Stack, wait_for
from tests.stripe_objects import body, checkout

FILL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION disk_is_full();
"""

HUNG_FOR = 2

TRACES = """
SELECT (SELECT count(*) FROM payments WHERE stripe_key = %(payment)s)
     + (SELECT count(*) FROM students WHERE external_id = %(student)s)
"""


def ask(stack: Stack, statement: str, **values: str) -> int:
    """Run a statement as a stranger to the stack; return the number that it says."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def running(stack: Stack, name: str) -> int:
    return wait_for(lambda: stack.children().get(name, []), seconds=PATIENCE, what=name)[0]


def run(stack: Stack, *statements: str) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        # Also where the database's default is otherwise.
        connection.execute("SET default_transaction_read_only = off")
        for statement in statements:
            connection.execute(statement)


@contextmanager
def full(stack: Stack, table: str) -> Iterator[None]:
    """Let a table take no row for a block, as a disk that has no room."""
    run(stack, FILL.format(table=table))
    try:
        yield
    finally:
        run(stack, "DROP FUNCTION disk_is_full CASCADE")


@contextmanager
def read_only(stack: Stack) -> Iterator[None]:
    name = psycopg.conninfo.conninfo_to_dict(stack.database_url)["dbname"]
    run(stack, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ask(stack, END_SESSIONS)
    try:
        yield
    finally:
        run(stack, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        ask(stack, END_SESSIONS)


def test_sessions_that_are_ended_again_and_again_cost_no_purchase(stack: Stack) -> None:
    pauses, ended = random.Random(16), 0

    with flowing(stack, "ended") as flow:
        for _ in range(4):
            time.sleep(pauses.uniform(0.3, 1.0))
            ended += ask(stack, END_SESSIONS)

    assert ended > 4
    assert flow.answers.keys() <= {200, 503}
    flow.took_effect_once(stack)


def test_a_database_that_is_shut_down_at_once_keeps_what_was_acknowledged(stack: Stack) -> None:
    with flowing(stack, "shut") as flow:
        for _ in range(2):
            sent = len(flow.bodies)
            postmaster = running(stack, "postgres")
            # An immediate shutdown: no session ends what it does, the log is replayed at the next start.
            os.kill(postmaster, signal.SIGQUIT)
            wait_for(lambda sent=sent: len(flow.bodies) > sent + 5, seconds=PATIENCE, what="more purchases")  # type: ignore[misc]

    assert flow.answers.keys() <= {200, 503}
    flow.took_effect_once(stack)


def test_a_disk_that_is_full_is_told_and_the_event_taken_when_there_is_room(stack: Stack) -> None:
    event = body(checkout(payment="pi_no_room", student="no-room"))

    with full(stack, "stripe_events"):
        answers = {stack.post_event(event) for _ in range(3)}

    assert answers == {503}
    assert wait_for(lambda: stack.post_event(event) == 200, seconds=PATIENCE, what="an answer")
    wait_for(lambda: ask(stack, TRACES, payment="pi_no_room", student="no-room") == 2, seconds=PATIENCE)


def test_a_disk_that_is_full_amid_a_purchase_leaves_none_of_it_and_no_attempt_counted(stack: Stack) -> None:
    event = checkout(payment="pi_half", student="half")
    tried = "SELECT count(*) FROM stripe_events WHERE event_id = %(id)s AND last_error LIKE 'DiskFull%%'"
    uncounted = "SELECT count(*) FROM stripe_events WHERE event_id = %(id)s AND status = %(status)s AND attempts = 0"

    with full(stack, "student_packages"):
        assert stack.post_event(body(event)) == 200
        wait_for(lambda: ask(stack, tried, id=event["id"]), seconds=PATIENCE, what="the refusal")
        assert ask(stack, TRACES, payment="pi_half", student="half") == 0
        assert ask(stack, uncounted, id=event["id"], status="RECEIVED") == 1

    wait_for(lambda: ask(stack, uncounted, id=event["id"], status="PROCESSED"), seconds=PATIENCE, what="its end")
    assert stack.run("audit").returncode == 0


def test_a_database_that_only_reads_is_told_and_the_event_taken_when_it_writes(stack: Stack) -> None:
    flow = Flow("read-only")
    event = body(checkout(payment="pi_unwritten", student="unwritten"))

    with read_only(stack):
        answers = {stack.post_event(event) for _ in range(3)}

    assert answers == {503}
    flow.send(stack)
    flow.took_effect_once(stack)


def test_a_broker_that_hangs_costs_no_event_and_no_time(stack: Stack) -> None:
    flow = Flow("hung")
    broker = running(stack, "valkey")

    os.kill(broker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(5):
            flow.send(stack)
        took = time.monotonic() - began
        time.sleep(HUNG_FOR)
    finally:
        with suppress(ProcessLookupError):
            wake(broker)

    assert flow.answers.keys() == {200}
    assert took < 5 * 2
    flow.took_effect_once(stack)
