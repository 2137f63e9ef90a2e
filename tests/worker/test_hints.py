"""Hints over a real broker: one at a time per queue, none missing, and a broker that is away costs next to nothing."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self, cast

import pytest
import redis

from cli.embedded.broker import EmbeddedBroker
from tests.stack import wait_for
from webhook_gateway import serving
from worker import hints as hints_module
from worker.hints import DRAINS, PAUSE_SECONDS, PAUSES, TOKEN_SECONDS, Hints, HintThread, token

DEAD = "redis://127.0.0.1:1/0"
# What one call may cost while the broker hangs; the connection is given up after a quarter of a second.
ONE_FAILURE = 0.7
NOTHING = 0.2


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    """Give a client of an empty broker."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client
        client.flushall()


def waiting(broker: redis.Redis, queue: str = "stripe") -> int:
    return broker.llen(queue)


def seconds(call: Callable[[str], None], *, times: int = 1) -> float:
    """Return how long it takes to say something of the queue that many times."""
    began = time.monotonic()
    for _ in range(times):
        call("stripe")
    return time.monotonic() - began


class Worker:
    """Does with rows what a worker does: hears a hint, gives the token back, takes what was committed by then."""

    def __init__(self, broker_url: str) -> None:
        self._broker = redis.Redis.from_url(broker_url)
        self._hints = Hints(broker_url)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.rows: list[int] = []
        self.done: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._broker.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._broker.brpop(["stripe"], timeout=0.05):
                self._hints.taken("stripe")
                self.done += self.rows[len(self.done) :]


@contextmanager
def hung_broker() -> Iterator[tuple[str, list[Any]]]:
    """Give a broker that takes connections and never answers, and the connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[Any] = []
        threading.Thread(target=_accept, args=(server, taken), daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", taken
        server.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()


def _accept(server: socket.socket, taken: list[Any]) -> None:
    while True:
        try:
            taken.append(server.accept()[0])
        except OSError:
            return


@pytest.mark.parametrize("queue", DRAINS)
def test_a_hint_says_the_tasks_name_and_nothing_else(broker: redis.Redis, broker_url: str, queue: str) -> None:
    Hints(broker_url).send(queue)

    message = json.loads(cast("list[bytes]", broker.lrange(queue, 0, -1))[0])
    assert message["headers"]["task"] == DRAINS[queue]
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == ("()", "{}")
    assert message["content-type"] == "application/json"


def test_while_a_hint_is_on_its_way_nobody_sends_another(broker: redis.Redis, broker_url: str) -> None:
    senders = [Hints(broker_url) for _ in range(3)]

    for sender in senders * 3:
        sender.send("stripe")

    assert waiting(broker) == 1
    assert 0 < broker.ttl(token("stripe")) <= TOKEN_SECONDS


def test_queues_are_hinted_at_on_their_own(broker: redis.Redis, broker_url: str) -> None:
    sender = Hints(broker_url)

    for queue in (*DRAINS, *DRAINS):
        sender.send(queue)

    assert {queue: waiting(broker, queue) for queue in DRAINS} == dict.fromkeys(DRAINS, 1)


def test_once_a_drain_has_begun_the_next_row_is_hinted_at_again(broker: redis.Redis, broker_url: str) -> None:
    sender = Hints(broker_url)
    sender.send("stripe")

    sender.taken("stripe")
    sender.send("stripe")

    assert waiting(broker) == 2


def test_a_message_that_was_lost_silences_a_queue_for_moments_only(
    broker: redis.Redis, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints_module, "TOKEN_SECONDS", 1)
    sender = Hints(broker_url)
    sender.send("stripe")
    broker.delete("stripe")

    sender.send("stripe")
    silent = waiting(broker)
    wait_for(lambda: not broker.exists(token("stripe")), seconds=3, what="the token's end")
    sender.send("stripe")

    assert silent == 0
    assert waiting(broker) == 1


@pytest.mark.parametrize("pause", [PAUSE_SECONDS, *PAUSES.values()])
@pytest.mark.parametrize("gap", [0.0, 0.001, 0.003, 0.007, 0.015])
def test_no_row_of_a_burst_stays_without_a_hint(broker: redis.Redis, broker_url: str, gap: float, pause: float) -> None:
    assert waiting(broker) == 0
    sender = HintThread(Hints(broker_url), pause)
    with Worker(broker_url) as worker:
        for burst in range(20):
            for row in (2 * burst, 2 * burst + 1):
                worker.rows.append(row)
                sender.want("stripe")
                time.sleep(gap)

            wait_for(lambda: worker.done == worker.rows, seconds=3, what=f"burst {burst}")


def test_a_queue_in_a_hurry_waits_for_no_others_pause(
    broker: redis.Redis, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PAUSE_SECONDS", 3_600)
    hint = serving.hinting(broker_url)
    hint("stripe")
    wait_for(lambda: waiting(broker), seconds=3, what="the first hint, and its pause")

    for _ in range(3):
        broker.delete(token("bookings"))
        hint("bookings")
        wait_for(lambda: broker.rpop("bookings"), seconds=3, what="a hint for bookings")

    assert waiting(broker) == 1


def test_whoever_asks_for_hints_at_once_gets_them_all(broker: redis.Redis, broker_url: str) -> None:
    sender = HintThread(Hints(broker_url))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            broker.flushall()
            askers = [threading.Thread(target=sender.want, args=(queue,)) for queue in DRAINS for _ in range(4)]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()

            wait_for(lambda: all(waiting(broker, queue) for queue in DRAINS), seconds=3, what="a hint for each")
    finally:
        sys.setswitchinterval(interval)


def test_a_dead_broker_costs_nothing_and_raises_nothing() -> None:
    sender = Hints(DEAD)

    first = seconds(sender.send)
    others = seconds(sender.send, times=100)
    taken = seconds(sender.taken)

    assert first < ONE_FAILURE
    assert others < NOTHING
    assert taken < ONE_FAILURE


def test_a_hung_broker_costs_one_failure_and_is_then_left_alone() -> None:
    with hung_broker() as (url, connections):
        sender = Hints(url)

        first = seconds(sender.send)
        seen = len(connections)
        others = seconds(sender.send, times=100)
        asked = len(connections)
        taken = seconds(sender.taken)

    assert 0 < first < ONE_FAILURE
    assert others < NOTHING
    assert 1 <= seen == asked
    assert taken < ONE_FAILURE


def test_a_hung_broker_of_the_other_protocol_costs_no_more() -> None:
    with hung_broker() as (url, connections):
        sender = Hints(url.replace("redis://", "amqp://"))

        first = seconds(sender.send)
        others = seconds(sender.send, times=100)

    assert connections
    assert first < ONE_FAILURE
    assert others < NOTHING


def test_a_hung_broker_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "BREAKER_SECONDS", 0.1)
    with hung_broker() as (url, connections):
        sender = Hints(url)
        sender.send("stripe")
        seen = len(connections)

        time.sleep(0.15)
        sender.send("stripe")

        assert len(connections) > seen


def test_a_request_does_not_wait_for_a_hung_broker() -> None:
    with hung_broker() as (url, connections):
        sender = HintThread(Hints(url))

        took = seconds(sender.want, times=100)

        wait_for(lambda: connections, seconds=2, what="the attempt")
    assert took < NOTHING


def test_hints_flow_again_once_the_broker_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "BREAKER_SECONDS", 0.1)
    with EmbeddedBroker(tmp_path / "broker") as before:
        sender = Hints(before.url)
        sender.send("stripe")
    sender.send("stripe")

    with EmbeddedBroker(tmp_path / "broker") as after, closing(redis.Redis.from_url(after.url)) as client:
        assert after.url == before.url
        assert waiting(client) == 0
        time.sleep(0.1)
        sender.send("stripe")

        assert waiting(client) == 1


def test_a_broker_that_is_full_is_like_one_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "BREAKER_SECONDS", 0.0)
    with EmbeddedBroker(tmp_path / "broker") as broker, closing(redis.Redis.from_url(broker.url)) as client:
        sender = Hints(broker.url)
        client.config_set("maxmemory", 1)

        sender.send("stripe")
        refused = waiting(client)
        client.config_set("maxmemory", 0)
        sender.send("stripe")

        assert refused == 0
        assert waiting(client) == 1


def test_a_hint_for_later_is_on_its_way_once_and_again_where_it_is_wanted_sooner(
    broker: redis.Redis, broker_url: str
) -> None:
    hints = Hints(broker_url)

    for after in (60, 60.5, 90, 30):
        hints.send_after("calls", after)
    hints.send("calls")

    assert waiting(broker) == 3
    assert sum(json.loads(each)["headers"]["eta"] is None for each in broker.lrange("stripe", 0, -1)) == 1


def test_a_broker_that_is_away_costs_nobody_a_hint_for_later() -> None:
    hints = Hints(DEAD)

    hints.send_after("calls", 1)
    hints.send_after("calls", 0)
