"""Clients that each send a request, wait for its answer and send the next: all of them in one cheap loop."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context

from cli.bench.purchases import purchases
from cli.token import mint
from webhook_gateway.signature import sign
from worker import clock

SECRET = "whsec_bench"  # noqa: S105 - it signs for servers that live as long as the benchmark
# Nobody answers this late; who waits longer would never stop.
PATIENCE = 10.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LOCATION = re.compile(rb"\r\nlocation: *(\S+)", re.IGNORECASE)
AUTHORIZATION = re.compile(rb"\r\nAuthorization: ([^\r]+)")
DONE = (b"HTTP/1.1 200", b"HTTP/1.1 201")
ACCEPTED = b"HTTP/1.1 202"
QUEUED, SUCCEEDED = b'"QUEUED"', b'"SUCCEEDED"'
# Whoever may not wait at the server asks again after this many seconds.
ASK_AGAIN = 0.05


@dataclass(slots=True)
class Heard:
    """What came back: how long each accepted request took, in seconds, and how many were refused."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        """Accepted requests per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, part: float) -> float:
        """Return the seconds within which a part of the accepted requests were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    sent_at: float = 0.0
    sent: bytes = b""
    heard: bytes = b""
    asking: bytes = b""
    ask_at: float = 0.0


_ready: Iterator[bytes] = iter(())


def prepare(count: int) -> None:
    """Make signed requests ready, so that none of this is measured."""
    global _ready  # noqa: PLW0603 - a process of its own has it for itself
    at = clock.now()
    _ready = iter([_request(event.body, sign(event.body, SECRET, at=at)) for event in purchases(count // 2)])


def prepare_rides(rides: Sequence[tuple[str, int]], secret: str) -> None:
    """Make requests ready of students who each book a session, so that none of this is measured."""
    global _ready  # noqa: PLW0603 - a process of its own has it for itself
    _ready = iter([_booking(mint(secret, org="lumen", role="student", sub=name), session) for name, session in rides])


def load(ports: Sequence[int], *, clients: int, seconds: float) -> Heard:
    """Send what was made ready to local ports for some seconds.

    Args:
        ports: Where gateways listen; the clients are shared out among them.
        clients: How many wait for an answer at a time.
        seconds: How long; events that are then under way are still waited for.

    """
    heard = Heard()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number in range(clients):
            address = ("127.0.0.1", ports[number % len(ports)])
            connection = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, _Client(connection))
        began = time.perf_counter()
        _exchange(selector, _ready, heard, until=began + seconds)
        heard.seconds = time.perf_counter() - began
    return heard


def _exchange(selector: selectors.BaseSelector, requests: Iterator[bytes], heard: Heard, *, until: float) -> None:
    waiting = sum(_send(key.data, requests) for key in list(selector.get_map().values()))
    heard_at = time.perf_counter()
    while waiting:
        ready = selector.select(ASK_AGAIN)
        now = time.perf_counter()
        if ready:
            heard_at = now
        elif now > heard_at + PATIENCE:
            raise TimeoutError(f"no answer within {PATIENCE} s")
        for client in [key.data for key in selector.get_map().values() if 0 < key.data.ask_at <= now]:
            client.ask_at = 0.0
            client.connection.sendall(client.asking)
        for key, _ in ready:
            if _answered(key.data, heard):
                waiting -= 1
                waiting += time.perf_counter() < until and _send(key.data, requests)


def _send(client: _Client, requests: Iterator[bytes]) -> bool:
    """Send the next request; return whether there was one."""
    request = next(requests, None)
    if request is None:
        return False
    client.sent, client.heard, client.asking, client.sent_at = request, b"", b"", time.perf_counter()
    client.connection.sendall(request)
    return True


def _answered(client: _Client, heard: Heard) -> bool:
    """Take what has come; return whether the answer is whole."""
    part = client.connection.recv(65_536)
    if not part:
        raise ConnectionError("the gateway closed a connection")
    client.heard += part
    head, end, body = client.heard.partition(b"\r\n\r\n")
    if not end or len(body) < int(LENGTH.search(head)[1]):  # type: ignore[index] # every answer says its length
        return False
    if head.startswith(ACCEPTED):
        client.asking = _question(client, head)
    if client.asking and QUEUED in body:
        # As whoever was told so does: wait a little, and ask what became of it.
        client.heard, client.ask_at = b"", time.perf_counter() + ASK_AGAIN
        return False
    if head.startswith(DONE) and not (client.asking and SUCCEEDED not in body):
        heard.latencies.append(time.perf_counter() - client.sent_at)
    else:
        heard.refused += 1
    return True


def _question(client: _Client, head: bytes) -> bytes:
    """Return the request that asks what became of a command whose answer was that it was accepted."""
    address, authorization = LOCATION.search(head), AUTHORIZATION.search(client.sent)
    assert address and authorization  # noqa: S101, PT018 - the contract says so
    where, who = address[1], authorization[1]
    return b"GET %b?wait=5 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %b\r\n\r\n" % (where, who)


def _request(body: bytes, signature: str) -> bytes:
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _booking(token: str, session: int) -> bytes:
    body = b'{"sessionId": %d}' % session
    head = (
        "POST /api/bookings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Clients:
    """The loop in a process of its own, so that it shares no lock with whoever watches."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def prepare(self, count: int) -> None:
        """Make requests ready and wait for that; see `prepare`."""
        self._pool.submit(prepare, count).result()

    def prepare_rides(self, rides: Sequence[tuple[str, int]], secret: str) -> None:
        """Make bookings ready and wait for that; see `prepare_rides`."""
        self._pool.submit(prepare_rides, rides, secret).result()

    def load(self, ports: Sequence[int], *, clients: int, seconds: float) -> Heard:
        """Send them; see `load`."""
        return self._pool.submit(load, ports, clients=clients, seconds=seconds).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()
