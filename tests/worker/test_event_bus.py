"""Domain events on their way out: what each says of itself, and a broker that is away."""

from __future__ import annotations

from typing import Any

import pytest
from amqp.exceptions import MessageNacked
from kombu import Connection, Queue

from config import Settings
from tests.stripe_objects import checkout
from tests.studio import Studio
from tests.timetable import Timetable
from worker import clock, runtime
from worker.event_bus import DOMAIN_EVENTS, EXCHANGE, broker_errors
from worker.hints import build_publisher
from worker.outbox import relay_batch


def heard(settings: Settings, studio: Studio, pattern: str) -> list[dict[str, Any]]:
    """Publish what is due, and return what of it a pattern fits."""
    with Connection(settings.broker_url) as connection:
        queue = Queue("test.bus", EXCHANGE, routing_key=pattern).bind(connection.channel())
        queue.declare()
        studio.relay()
        messages = list(iter(lambda: queue.get(no_ack=True), None))
        queue.delete()
    return [message.payload for message in messages]


def test_an_event_of_no_student_has_no_place_in_anybodys_order(timetable: Timetable, settings: Settings) -> None:
    session = timetable.session(clock.now())
    timetable.studio.rows(
        "INSERT INTO domain_events (organization_id, session_id, type, subject, data, message_id, due_at, created_at)"
        " SELECT organization_id, id, 'session.low_seats', 'session/' || id, '{}', gen_random_uuid(), %(at)s, %(at)s"
        " FROM class_sessions WHERE id = %(id)s",
        id=session,
        at=clock.now(),
    )

    (event,) = heard(settings, timetable.studio, "session.#")

    assert (event["type"], event["subject"]) == ("session.low_seats", f"session/{session}")
    assert {"sequence", "partitionkey"} & {*event} == set()


def test_a_students_events_say_whose_order_they_are_in(studio: Studio, settings: Settings) -> None:
    studio.deliver(checkout(payment="pi_1", student="ada"), checkout(payment="pi_2", student=None, email="g@x.test"))

    events = heard(settings, studio, "package.#")

    students = {row["id"]: row["external_id"] for row in studio.rows("SELECT id, external_id FROM students")}
    told = {event["partitionkey"]: event["data"]["studentId"] for event in events}
    assert told == {f"student/{number}": name for number, name in students.items()}
    assert None in told.values()


def test_while_the_broker_is_away_events_wait_uncounted(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.deliver(*(checkout(payment=f"pi_{number}", student=f"student-{number}") for number in range(5)))
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    runtime.settings.cache_clear()

    sent = relay_batch(DOMAIN_EVENTS, studio.engine)

    rows = studio.rows("SELECT * FROM domain_events ORDER BY id")
    assert sent == 0
    assert {(row["status"], row["attempts"], row["lease_until"]) for row in rows} == {("PENDING", 0, None)}
    assert rows[0]["last_error"].startswith("the broker is away: OperationalError")
    assert {row["last_error"] for row in rows[1:]} == {None}


def test_once_the_broker_is_back_they_leave_in_order(
    studio: Studio, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.deliver(*(checkout(payment=f"pi_{number}", student="ada") for number in range(5)))
    with monkeypatch.context() as away:
        away.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
        runtime.settings.cache_clear()
        relay_batch(DOMAIN_EVENTS, studio.engine)
    runtime.settings.cache_clear()

    events = heard(settings, studio, "package.#")

    assert [event["sequence"] for event in events] == ["1", "2", "3", "4", "5"]


def test_a_broker_of_amqp_says_that_it_has_an_event_or_is_away() -> None:
    options = build_publisher("amqp://broker.example.com").conf.broker_transport_options

    assert options["confirm_publish"] is True
    assert issubclass(MessageNacked, broker_errors("amqp://broker.example.com"))
    assert "confirm_publish" not in build_publisher("redis://127.0.0.1:1/0").conf.broker_transport_options
