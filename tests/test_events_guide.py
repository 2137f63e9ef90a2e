"""The guide to domain events names every type that is published with the fields that it has, and its consumer works."""

from __future__ import annotations

import ast
import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection, Queue

from config import Settings
from tests.domain.booking.test_book import soon
from tests.school import School
from tests.stack import ROOT, wait_for
from tests.studio import Studio
from tests.test_house import sources
from tests.timetable import Timetable
from worker.event_bus import EXCHANGE, cloud_event
from worker.job_inbox import FAMILY_OF

GUIDE = (ROOT / "docs" / "events.md").read_text()
CONSUMER = ROOT / "examples" / "consumer.py"
# What an event may be about.
ABOUT = "booking|course|enrollment|friend_pass|order|package|pass|payment|purchase|refund|session|step|student|waitlist"
NAME = re.compile(rf"(?:{ABOUT})(?:\.[a-z_]+)+")


def table() -> dict[str, tuple[str, str]]:
    """Return by its type what the guide says of an event: its subject, and its data."""
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(\w+)/ID` \| [^|]+ \| ([^|]+) \|$", GUIDE, re.MULTILINE)
    return {kind: (subject, data) for kind, subject, data in rows}


def fields(kind: str) -> tuple[set[str], set[str]]:
    """Return the fields that an event has, and those that it may have besides."""
    data = table()[kind][1]
    always, perhaps = set[str](), set[str]()
    if like := re.match(r"as `([a-z_.]+)`", data):
        always, perhaps = fields(like[1])
        data = data[like.end() :]
    for name, mark in re.findall(r"`(\w+)`(\??)", data):
        (perhaps if mark else always).add(name)
    return always, perhaps


def named() -> Iterator[str]:
    """Yield what the rules call something that happens to somebody; what is checked and mailed is named elsewhere."""
    for path in sources("domain"):
        if {"audit", "mail"} & set(path.relative_to(ROOT).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (
                    [node.value] if NAME.fullmatch(node.value) else re.findall(rf"'({NAME.pattern})'", node.value)
                )


# Kinds of mails whose events, if there are any, have other names.
ONLY_MAILS = {
    "booking.reminder",
    "refund.done",
    "package.expiring",
    "payment.failed",
    "purchase.receipt",
    "session.cancelled",
    "session.moved",
    "step.unbooked",
}


def test_the_table_names_the_types_that_are_published_and_no_other() -> None:
    # Mails that tell of an event bear its name.
    published = {*named()} - {*FAMILY_OF} - ONLY_MAILS

    assert len(published) > 25
    assert {*table()} == published


def test_every_field_of_an_example_is_one_of_the_table() -> None:
    known = {name for kind in table() for some in fields(kind) for name in some}

    examples = [json.loads(line) for line in GUIDE.splitlines() if line.startswith('{"')]

    assert len(examples) >= 9
    assert all({*example} <= known for example in examples)


def test_the_envelope_is_as_it_is_shown() -> None:
    (shown,) = [json.loads(each) for each in re.findall(r"^```json\n(\{\n.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
    row = {"message_id": shown["id"], "type": "a", "subject": "b", "student_id": 3, "sequence": 2, "slug": "lumen"}

    made = cloud_event(row | {"data": shown["data"], "created_at": datetime(2026, 11, 21, 9, tzinfo=UTC)})

    assert made == shown | {"type": "a", "subject": "b"}


def busy(timetable: Timetable) -> None:
    """Let everything happen that students see in a week."""
    package = timetable.buy("ada", "ELITE-30")
    for student in ("bea", "cai", "dan"):
        timetable.buy(student)
    full = timetable.session(soon(3), capacity=1)
    first = timetable.book("ada", full)
    for student in ("bea", "cai"):
        timetable.join(student, full)
    timetable.join("nobody", full)
    timetable.leave("cai", full)
    timetable.change("ada", first.id, sessionId=timetable.session(soon(5)))
    booked = timetable.book("dan", timetable.session(soon(6)), friend=None)
    timetable.cancel("dan", booked.id)
    timetable.adjust("ada", timetable.lines(package)[0], 1)
    moved = timetable.session(soon(7))
    timetable.book("dan", moved)
    timetable.move(moved, soon(8))
    timetable.call_off(moved)
    school = School(timetable)
    school.plan()
    course = school.enroll("eve", school.cohort())
    school.book("eve", course, "SFZ-1-DAY")
    school.cancel("eve", course, "SFZ-1")


def test_every_event_of_a_week_has_the_fields_that_are_told(timetable: Timetable) -> None:
    busy(timetable)

    rows = timetable.studio.rows("SELECT type, subject, data FROM domain_events")

    kinds = {row["type"] for row in rows}
    assert len(kinds) >= 12, kinds
    for row in rows:
        always, perhaps = fields(row["type"])
        assert always <= {*row["data"]} <= always | perhaps, row
        assert row["subject"].partition("/")[0] == table()[row["type"]][0]


class Consuming:
    """The example, running."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path) -> None:
        self.process, self._out = process, out

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()


@contextmanager
def consuming(settings: Settings, folder: Path) -> Iterator[Consuming]:
    """Run the example as the guide does, until it listens and then within this block."""
    out = folder / "out"
    argv = [sys.executable, str(CONSUMER), "--broker", settings.broker_url, "--state", str(folder / "state.sqlite")]
    with out.open("wb") as output:
        process = subprocess.Popen([*argv, "--queue", "test.consumer"], stdout=output, stderr=output, cwd=ROOT)
    try:
        running = Consuming(process, out)
        wait_for(lambda: "listening" in running.lines, what="the consumer")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture
def state(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Give where the example keeps its state; its queue is deleted after the test."""
    yield tmp_path / "state.sqlite"
    with Connection(settings.broker_url) as connection:
        Queue("test.consumer")(connection.channel()).delete()


def kept(state: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(state)) as database:
        return database.execute(statement).fetchall()


def sent(studio: Studio) -> list[tuple[str, str, int]]:
    """Return the events of students that were written: whose, what and its number."""
    rows = studio.rows("SELECT student_id, type, sequence FROM domain_events ORDER BY student_id, sequence")
    return [(f"student/{row['student_id']}", row["type"], row["sequence"]) for row in rows]


def publish_again(settings: Settings, studio: Studio, *, reverse: bool = False) -> None:
    """Send all events of the outbox once more, as a relay does that died before it noted them."""
    rows = studio.rows(
        "SELECT e.*, o.slug FROM domain_events e JOIN organizations o ON o.id = e.organization_id ORDER BY e.id"
    )
    with Connection(settings.broker_url) as connection:
        producer = connection.Producer(serializer="json")
        for row in reversed(rows) if reverse else rows:
            producer.publish(cloud_event(row), exchange=EXCHANGE, declare=[EXCHANGE], routing_key=row["type"])


def applied(consumer: Consuming) -> list[str]:
    return [line for line in consumer.lines if "/" in line]


def test_the_example_applies_each_event_once_and_in_order_also_after_a_restart(
    timetable: Timetable, settings: Settings, tmp_path: Path, state: Path
) -> None:
    studio = timetable.studio
    with consuming(settings, tmp_path) as consumer:
        busy(timetable)
        studio.relay()
        publish_again(settings, studio)
        wait_for(lambda: len(applied(consumer)) == len(sent(studio)), what="all events")
    before = kept(state, "SELECT * FROM bookings ORDER BY 1, 2")

    # While it is away more happens, which waits in its queue.
    timetable.book("dan", timetable.session(soon(9)))
    studio.relay()
    publish_again(settings, studio)
    with consuming(settings, tmp_path) as consumer:
        wait_for(lambda: applied(consumer), what="what waited")
        wait_for(lambda: _is_empty(settings), what="an empty queue")
        late = applied(consumer)

    last: Mapping[str, int] = {student: number for student, _, number in sent(studio)}
    assert dict(kept(state, "SELECT student, sequence FROM students")) == last
    assert [line.split()[2] for line in late] == ["booking.confirmed"]
    assert kept(state, "SELECT count(*) FROM early") == [(0,)]
    after = kept(state, "SELECT * FROM bookings ORDER BY 1, 2")
    assert [row for row in after if row in before] == before
    assert len(after) == len(before) + 1
    active = studio.rows("SELECT id, status FROM bookings WHERE place IS NOT NULL ORDER BY id")
    assert sorted(row[1:3] for row in after) == [(row["id"], row["status"]) for row in active]
    # Each was told once: a second time would count as a change.
    assert {changes for *_, changes in after} == {1}


def test_the_example_puts_events_in_order_that_come_in_reverse(
    timetable: Timetable, settings: Settings, tmp_path: Path, state: Path
) -> None:
    busy(timetable)
    with consuming(settings, tmp_path) as consumer:
        publish_again(settings, timetable.studio, reverse=True)
        wait_for(lambda: len(applied(consumer)) == len(sent(timetable.studio)), what="all events")
        lines = applied(consumer)

    heard = [(student, kind, int(number)) for student, number, kind, _ in map(str.split, lines)]
    assert sorted(heard, key=lambda each: each[0]) == sorted(sent(timetable.studio), key=lambda each: each[0])
    assert kept(state, "SELECT count(*) FROM early") == [(0,)]


def test_the_example_hears_again_after_a_redis_was_emptied(
    timetable: Timetable, settings: Settings, tmp_path: Path, state: Path
) -> None:
    assert state
    with consuming(settings, tmp_path) as consumer, redis.Redis.from_url(settings.broker_url) as broker:
        timetable.buy("ada")
        timetable.studio.relay()
        wait_for(lambda: applied(consumer), what="an event")
        broker.flushall()
        wait_for(lambda: broker.exists(f"_kombu.binding.{EXCHANGE.name}"), what="a queue that is bound")

        timetable.buy("bea")
        timetable.studio.relay()
        wait_for(lambda: len(applied(consumer)) == 2, what="the next event")


def test_the_example_ends_where_what_it_does_with_an_event_fails(
    timetable: Timetable, settings: Settings, tmp_path: Path, state: Path
) -> None:
    with consuming(settings, tmp_path) as consumer:
        with closing(sqlite3.connect(state)) as database:
            database.execute("DROP TABLE students")
        timetable.buy("ada")
        timetable.studio.relay()
        code = consumer.process.wait(20)

    assert code == 1
    assert consumer.lines[-1].startswith("NotApplied: package.fulfilled ")
    assert not any("broker is away" in line for line in consumer.lines)


def _is_empty(settings: Settings) -> bool:
    with redis.Redis.from_url(settings.broker_url) as broker:
        return not broker.exists("test.consumer")
