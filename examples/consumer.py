"""A consumer of domain events: each applied once and in its student's order, whatever the broker does.

    python examples/consumer.py --broker redis://127.0.0.1:6379/0 --state consumer.sqlite

It needs kombu and nothing of Punchcard's. What it makes of events is one table, the bookings that stand; put your own
`apply` in its place.
"""
# ruff: noqa: INP001, T201 - a script, which prints

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
from typing import Any

from kombu import Connection, Consumer, Exchange, Queue
from kombu.exceptions import OperationalError

# Longer than a restart of the sender takes: an event that is still missing then is given up. So are those from before
# the first time that this consumer listened.
PATIENCE_SECONDS = 60.0
# A Redis that is emptied forgets who listens, and says nothing of it.
BIND_SECONDS = 5.0
TABLES = """
CREATE TABLE IF NOT EXISTS students (source TEXT, student TEXT, sequence INTEGER, PRIMARY KEY (source, student));
CREATE TABLE IF NOT EXISTS early (source TEXT, student TEXT, sequence INTEGER, event TEXT, since REAL,
                                  PRIMARY KEY (source, student, sequence));
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS bookings (source TEXT, id INTEGER, status TEXT, starts TEXT, changes INTEGER,
                                     PRIMARY KEY (source, id));
"""

# What takes a place.
ACTIVE = {"CONFIRMED", "COMPLETED", "NO_SHOW"}

Event = dict[str, Any]


class NotApplied(Exception):
    """What was to be made of an event failed: that is no fault of the broker's, and waiting mends it not."""


def apply(state: sqlite3.Connection, event: Event) -> None:
    """Make of an event what this consumer is for. It runs in the transaction that remembers the event."""
    data = event["data"]
    if event["type"].startswith("booking."):
        # A changed booking is another one, and the earlier one is over.
        over = [data.get("changedFrom"), data["bookingId"] if data["status"] not in ACTIVE else None]
        for booking in filter(None, over):
            state.execute("DELETE FROM bookings WHERE source = ? AND id = ?", (event["source"], booking))
    if event["type"].startswith("booking.") and data["status"] in ACTIVE:
        state.execute(
            "INSERT INTO bookings VALUES (?, ?, ?, ?, 1) ON CONFLICT (source, id)"
            " DO UPDATE SET status = excluded.status, starts = excluded.starts, changes = changes + 1",
            (event["source"], data["bookingId"], data["status"], data["startAt"]),
        )
    print(event.get("partitionkey", "-"), event.get("sequence", "-"), event["type"], event["subject"], flush=True)


def receive(state: sqlite3.Connection, event: Event) -> None:
    """Apply an event, or keep it until those before it have come; one that comes again changes nothing."""
    with state:
        if "sequence" not in event:
            # It is of no student, and in no order.
            if state.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event["id"],)).rowcount:
                apply(state, event)
            return
        source, student, sequence = event["source"], event["partitionkey"], int(event["sequence"])
        state.execute("INSERT OR IGNORE INTO students VALUES (?, ?, 0)", (source, student))
        if sequence > last(state, source, student):
            row = (source, student, sequence, json.dumps(event), time.time())
            state.execute("INSERT OR IGNORE INTO early VALUES (?, ?, ?, ?, ?)", row)
        catch_up(state, source, student)


def last(state: sqlite3.Connection, source: str, student: str) -> int:
    """Return the number of the last event of a student that was applied."""
    found = state.execute("SELECT sequence FROM students WHERE source = ? AND student = ?", (source, student))
    return int(found.fetchone()[0])


def catch_up(state: sqlite3.Connection, source: str, student: str) -> None:
    """Apply what follows on the last event without a gap."""
    whose = (source, student)
    while True:
        number = last(state, source, student) + 1
        found = state.execute(
            "SELECT event FROM early WHERE source = ? AND student = ? AND sequence = ?", (*whose, number)
        ).fetchone()
        if found is None:
            return
        apply(state, json.loads(found[0]))
        state.execute("UPDATE students SET sequence = ? WHERE source = ? AND student = ?", (number, *whose))
        state.execute("DELETE FROM early WHERE source = ? AND student = ? AND sequence <= ?", (*whose, number))


def give_up_gaps(state: sqlite3.Connection) -> None:
    """Go on behind events that did not come in time: the broker lost them, or they cannot leave."""
    with state:
        late = state.execute(
            "SELECT source, student, min(sequence) FROM early GROUP BY source, student HAVING min(since) < ?",
            (time.time() - PATIENCE_SECONDS,),
        ).fetchall()
        for source, student, sequence in late:
            print(f"{source} {student}: no event before {sequence} came, read them over HTTP", file=sys.stderr)
            state.execute(
                "UPDATE students SET sequence = ? WHERE source = ? AND student = ?", (sequence - 1, source, student)
            )
            catch_up(state, source, student)


def main() -> None:
    """Consume until told to end; what is not acknowledged by then comes again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default=os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"))
    parser.add_argument("--state", default="consumer.sqlite", help="what it remembers")
    parser.add_argument("--queue", default="example.consumer", help="its own queue: one for each consumer")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    state = sqlite3.connect(asked.state)
    state.executescript(TABLES)
    # Durable, so that events wait in it while nobody consumes.
    exchange = Exchange("punchcard.events", type="topic", durable=True)
    # All of them: of some types alone the numbers would have gaps.
    queue = Queue(asked.queue, exchange, routing_key="#", durable=True)
    broker = Connection(asked.broker)
    away = (OperationalError, OSError, *broker.connection_errors, *broker.channel_errors)
    while True:
        try:
            consume(asked.broker, queue, state)
        except KeyboardInterrupt:
            return
        except away as error:
            print(f"the broker is away: {type(error).__name__}", file=sys.stderr)
            time.sleep(1)


def consume(broker: str, queue: Queue, state: sqlite3.Connection) -> None:
    """Receive events until the broker goes away."""

    def received(event: Event, message: Any) -> None:  # noqa: ANN401 - of a class of the transport's own
        try:
            receive(state, event)
        except Exception as error:
            raise NotApplied(f"{event['type']} {event['id']}") from error
        # Only now: what was not committed comes again.
        message.ack()

    # Redis gives what was not acknowledged to the next one after this time.
    options = {"visibility_timeout": PATIENCE_SECONDS} if broker.startswith("redis") else {}
    with (
        Connection(broker, transport_options=options) as connection,
        Consumer(connection.channel(), [queue], callbacks=[received], accept=["json"], prefetch_count=10),
    ):
        print("listening", flush=True)
        bound = time.monotonic()
        while True:
            give_up_gaps(state)
            if time.monotonic() > bound + BIND_SECONDS:
                # Over a connection of its own: the other one takes it for done.
                with Connection(broker) as other:
                    queue(other.channel()).declare()
                bound = time.monotonic()
            try:
                connection.drain_events(timeout=1)
            except TimeoutError:
                continue


if __name__ == "__main__":
    main()
