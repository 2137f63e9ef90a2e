"""Domain events as they leave, to be looked at: by a queue that is nobody else's and ends with who listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from kombu import Connection, Consumer, Queue, binding

from worker.event_bus import EXCHANGE, broker_errors

# A queue whose listener died is kept for so long, with what comes meanwhile.
EXPIRES_SECONDS = 60
WAIT_SECONDS = 1.0
# After a broker went away: how long until it is looked for again.
PAUSE_SECONDS = 1.0
# A broker that does not answer within this is away.
CONNECT_SECONDS = 3
# A Redis that is emptied forgets who listens, and says nothing of it.
BIND_SECONDS = 5.0

Event = dict[str, Any]


class BrokerAway(Exception):
    """There is no broker to listen at."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What a listener is told besides events: that the broker went away, that it is back."""

    heard: Callable[[Event], bool]
    away: Callable[[], None]
    back: Callable[[], None]


def listen(broker_url: str, patterns: Sequence[str], told: Listening) -> None:
    """Hear each event whose type a pattern fits, until `heard` returns False; a broker that goes away is awaited.

    Args:
        broker_url: Where.
        patterns: As topic exchanges have them: `*` is a word, `#` any number of them.
        told: What to do.

    Raises:
        BrokerAway: from the start.

    """
    queue, away = _queue(patterns), broker_errors(broker_url)
    has_begun = False
    while True:
        try:
            with _connected(broker_url) as connection:
                if has_begun:
                    told.back()
                has_begun = True
                _hear(connection, queue, told)
                return
        except BrokenPipeError:
            # Nobody reads what is heard.
            raise
        except away as error:
            if not has_begun:
                raise BrokerAway from error
            told.away()
            _await(broker_url)


def _queue(patterns: Sequence[str]) -> Queue:

    return Queue(
        f"punchcard.tail.{uuid4().hex}",
        bindings=[binding(EXCHANGE, routing_key=pattern) for pattern in patterns],
        durable=False,
        exclusive=True,
        auto_delete=True,
        expires=EXPIRES_SECONDS,
    )


def _connected(broker_url: str) -> Connection:
    limits = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS}
    options = limits if broker_url.startswith("redis") else {}
    connection = Connection(broker_url, connect_timeout=CONNECT_SECONDS, transport_options=options)
    connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)
    return connection


def _hear(connection: Connection, queue: Queue, told: Listening) -> None:
    goes_on = True

    def heard(event: Event, message: Any) -> None:  # noqa: ANN401 - of a class of the transport's own
        nonlocal goes_on
        message.ack()
        goes_on = goes_on and told.heard(event)

    with Consumer(connection.channel(), [queue], callbacks=[heard], accept=["json"]):
        bound = time.monotonic()
        while goes_on:
            if connection.transport.driver_type == "redis" and time.monotonic() > bound + BIND_SECONDS:
                _bind_again(connection, queue)
                bound = time.monotonic()
            try:
                connection.drain_events(timeout=WAIT_SECONDS)
            except TimeoutError:
                continue


def _bind_again(connection: Connection, queue: Queue) -> None:
    """Have a queue hear events; over a connection of its own, since the other one takes it for done."""
    with connection.clone() as other:
        queue(other.channel()).declare()


def _await(broker_url: str) -> None:
    while True:
        time.sleep(PAUSE_SECONDS)
        try:
            _connected(broker_url).release()
        except broker_errors(broker_url):
            continue
        return
