"""Clients that each send a webhook, wait for its answer and send the next: sixteen of them in one cheap loop."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context

from cli.bench.purchases import purchases
from webhook_gateway.signature import sign
from worker import clock

SECRET = "whsec_bench"  # noqa: S105 - it signs for servers that live as long as the benchmark
# Nobody answers this late; who waits longer would never stop.
PATIENCE = 5.0


@dataclass(slots=True)
class Heard:
    """What came back: how long each accepted webhook took, in seconds, and how many were refused."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        """Accepted webhooks per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, part: float) -> float:
        """Return the seconds within which a part of the accepted webhooks were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    sent_at: float = 0.0
    heard: bytes = b""


_ready: Iterator[bytes] = iter(())


def prepare(count: int) -> None:
    """Make signed requests ready, so that none of this is measured."""
    global _ready  # noqa: PLW0603 - a process of its own has it for itself
    at = clock.now()
    _ready = iter([_request(event.body, sign(event.body, SECRET, at=at)) for event in purchases(count // 2)])


def load(port: int, *, clients: int, seconds: float) -> Heard:
    """Send what was made ready to a local port for some seconds.

    Args:
        port: Where the gateway listens.
        clients: How many wait for an answer at a time.
        seconds: How long; events that are then under way are still waited for.

    """
    heard = Heard()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, _Client(connection))
        began = time.perf_counter()
        _exchange(selector, _ready, heard, until=began + seconds)
        heard.seconds = time.perf_counter() - began
    return heard


def _exchange(selector: selectors.BaseSelector, requests: Iterator[bytes], heard: Heard, *, until: float) -> None:
    waiting = sum(_send(key.data, requests) for key in list(selector.get_map().values()))
    while waiting:
        ready = selector.select(PATIENCE)
        if not ready:
            raise TimeoutError(f"no answer within {PATIENCE} s")
        for key, _ in ready:
            if _answered(key.data, heard):
                waiting -= 1
                waiting += time.perf_counter() < until and _send(key.data, requests)


def _send(client: _Client, requests: Iterator[bytes]) -> bool:
    """Send the next request; return whether there was one."""
    request = next(requests, None)
    if request is None:
        return False
    client.heard, client.sent_at = b"", time.perf_counter()
    client.connection.sendall(request)
    return True


def _answered(client: _Client, heard: Heard) -> bool:
    """Take what has come; return whether the answer is whole."""
    part = client.connection.recv(65_536)
    if not part:
        raise ConnectionError("the gateway closed a connection")
    client.heard += part
    # The bodies of all answers are JSON objects, and hold no other.
    if not client.heard.rstrip().endswith(b"}"):
        return False
    if client.heard.startswith(b"HTTP/1.1 200"):
        heard.latencies.append(time.perf_counter() - client.sent_at)
    else:
        heard.refused += 1
    return True


def _request(body: bytes, signature: str) -> bytes:
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Clients:
    """The loop in a process of its own, so that it shares no lock with whoever watches."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def prepare(self, count: int) -> None:
        """Make requests ready and wait for that; see `prepare`."""
        self._pool.submit(prepare, count).result()

    def load(self, port: int, *, clients: int, seconds: float) -> Heard:
        """Send them; see `load`."""
        return self._pool.submit(load, port, clients=clients, seconds=seconds).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()
