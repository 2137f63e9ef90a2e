"""What stands before Flask: takes each body whole, under a deadline and a limit.

Stripe's events are taken in here and now; for everything else a thread has Flask answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
import structlog
from granian.rsgi import Scope

from webhook_gateway import boundary
from webhook_gateway.intake import MAX_BODY, Address, Delivery, address
from webhook_gateway.problem import MEDIA_TYPE, Problem, link, members
from webhook_gateway.wsgi import answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from granian._granian import RSGIHTTPProtocol

Observe = Callable[[str, str, int, float], None]
# Takes an event in, and returns the body of the answer.
Receive = Callable[[Delivery], Awaitable[bytes]]

# As much of a body as everybody may have held, however much is held already.
SMALL = 65_536

UNMATCHED = "unmatched"
HUNG = "Nothing is known for certain: send it again."
FAULT = "Send it again; if that fails too, tell us the instance of this problem."

ANSWERED = [*boundary.HEADERS.items(), ("Content-Type", "application/json")]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held of what strangers send, and how long they may take.

    A body has at most `body` bytes and arrives within `body_seconds`. At most `requests` are held,
    being read, waiting for one of the `threads` or being answered; together with about `large_bytes`
    of bodies that are more than small. A webhook is answered within `webhook_seconds`, everything else
    within `answer_seconds`, whatever the database does: a thread that hangs on it is not waited for.
    """

    body: int = MAX_BODY
    body_seconds: float = 10
    requests: int = 1_000
    large_bytes: int = 64 * 1024 * 1024
    threads: int = 56
    webhook_seconds: float = 1.9
    # A command may be waited for 30 seconds.
    answer_seconds: float = 35


@dataclass(slots=True)
class Exchange:
    """One request, and the way to answer it."""

    scope: Scope
    proto: RSGIHTTPProtocol
    address: Address | None
    body: bytes = b""
    held: int = 0

    @property
    def request_id(self) -> str:
        """The id that the caller gave the request, or one of its own."""
        given = self.scope.headers.get("x-request-id", "")
        return given if boundary.REQUEST_ID.fullmatch(given) else uuid4().hex


class Front:
    """The RSGI application around a WSGI one: whoever dawdles waits here and takes up no thread.

    Args:
        app: What answers, but for the webhook.
        receive: Takes in what is sent to the webhook.
        limits: What is held at most.
        observe: Told of each request that is answered here: its method, route, status and seconds.

    """

    def __init__(
        self, app: WSGIApplication, receive: Receive, limits: Limits | None = None, observe: Observe | None = None
    ) -> None:
        self._app = app
        self._receive = receive
        self._limits = limits or Limits()
        self._observe = observe
        self._requests = 0
        self._bytes = 0
        # The deadlines of the bodies being read, the oldest first.
        self._reading: dict[asyncio.Timeout, None] = {}
        self._queue: SimpleQueue[tuple[Exchange, asyncio.Future[None]]] = SimpleQueue()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads, in the process that serves."""
        for number in range(self._limits.threads):
            Thread(target=self._work, args=(loop,), name=f"request-{number}", daemon=True).start()

    async def __rsgi__(self, scope: Scope, proto: RSGIHTTPProtocol) -> None:
        """Answer one request."""
        began = time.perf_counter()
        exchange = Exchange(scope, proto, address(scope.path))
        self._requests += 1
        try:
            self._make_room()
            exchange.body = await self._body(exchange)
            await (self._take_in(exchange, began) if exchange.address else self._delegate(exchange))
        except Problem as problem:
            _refuse(exchange, problem)
            self._tell(exchange, problem.kind.status, began)
        finally:
            self._requests -= 1
            self._bytes -= exchange.held

    def _tell(self, exchange: Exchange, status: int, began: float) -> None:
        if self._observe:
            route = exchange.address.route if exchange.address else UNMATCHED
            self._observe(exchange.scope.method, route, status, time.perf_counter() - began)

    async def _take_in(self, exchange: Exchange, began: float) -> None:
        """Take an event in: no thread and no framework are in its way."""
        delivery = _delivery(exchange)
        try:
            async with asyncio.timeout(self._limits.webhook_seconds):
                body = await self._receive(delivery)
        except TimeoutError:
            raise _hung() from None
        except Problem:
            raise
        except Exception as error:
            log.error("request.failed", error=type(error).__qualname__)  # noqa: TRY400 - messages hold people's data
            raise Problem("internal_error", FAULT) from error
        headers = [*ANSWERED, ("X-Request-Id", exchange.request_id)]
        exchange.proto.response_bytes(HTTPStatus.OK, headers, body)
        self._tell(exchange, HTTPStatus.OK, began)

    async def _delegate(self, exchange: Exchange) -> None:
        """Have a thread answer. Whoever goes away meanwhile changes nothing: the thread finishes."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put((exchange, done))
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                await done
        except TimeoutError:
            # What a thread has not begun it will not begin; its body need not be kept for that.
            exchange.body = b""
            raise _hung() from None

    def _make_room(self) -> None:
        """Where too many are held, give up the one whose body is awaited longest; where all are whole, refuse."""
        if self._requests <= self._limits.requests:
            return
        if not self._reading:
            raise _overloaded()
        slowest = next(iter(self._reading))
        del self._reading[slowest]
        if not slowest.expired():
            slowest.reschedule(0)

    async def _body(self, exchange: Exchange) -> bytes:
        headers = exchange.scope.headers
        length = int(headers.get("content-length", -1))
        if length > self._limits.body:
            raise _too_large()
        if length == 0 or (length < 0 and "transfer-encoding" not in headers):
            return b""
        deadline = asyncio.timeout(self._limits.body_seconds)
        self._reading[deadline] = None
        try:
            async with deadline:
                return await self._whole(exchange, length)
        except TimeoutError:
            raise Problem("request_timeout", "Send the whole body sooner.") from None
        finally:
            self._reading.pop(deadline, None)

    async def _whole(self, exchange: Exchange, length: int) -> bytes:
        """Return a body of a length, or a chunked one, whose length is negative."""
        chunks, ends = [], 0
        async for chunk in exchange.proto:
            chunks.append(chunk)
            self._hold(exchange, len(chunk))
            ends += not chunk
            if exchange.held == length:
                return chunk if len(chunks) == 1 else b"".join(chunks)
        # The server ends with one empty chunk; it puts another where a broken chunk was, or trailers, before that.
        if length >= 0 or ends != 1:
            raise Problem("malformed_request", "The body ended before its end.")
        return b"".join(chunks)

    def _hold(self, exchange: Exchange, size: int) -> None:
        exchange.held += size
        self._bytes += size
        if exchange.held > self._limits.body:
            raise _too_large()
        if exchange.held > SMALL and self._bytes > self._limits.large_bytes:
            raise _overloaded()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            exchange, done = self._queue.get()
            if done.cancelled():
                # Given up while it waited: whoever sent it has been told.
                continue
            try:
                exchange.proto.response_bytes(*answer(self._app, exchange.scope, exchange.body))
            except BaseException as error:  # noqa: BLE001 - a thread that ended would be missed for good
                log.error("request.failed", error=type(error).__qualname__)  # noqa: TRY400 - messages hold people's data
                _refuse(exchange, Problem("internal_error", FAULT))
            loop.call_soon_threadsafe(_finish, done)
            # Nothing of a request is kept while waiting for the next.
            del exchange, done


def _finish(done: asyncio.Future[None]) -> None:
    # It was given up already where the answer came too late.
    if not done.done():
        done.set_result(None)


def _delivery(exchange: Exchange) -> Delivery:
    if exchange.scope.method != "POST":
        raise Problem("method_not_allowed", "Send events with POST.", headers={"Allow": "POST"})
    # A header that comes twice is joined, as everywhere.
    signature = ", ".join(exchange.scope.headers.get_all("stripe-signature"))  # type: ignore[attr-defined]
    return Delivery(exchange.body, signature, exchange.address.org if exchange.address else None)


def _hung() -> Problem:
    return Problem("database_unavailable", HUNG, headers={"Retry-After": "5"})


def _too_large() -> Problem:
    return Problem("payload_too_large", f"Send at most {MAX_BODY} bytes.")


def _overloaded() -> Problem:
    return Problem("overloaded", "Send the request again in a few seconds.", headers={"Retry-After": "5"})


def _refuse(exchange: Exchange, problem: Problem) -> None:
    """Answer with a problem, as the application would; where there was an answer already, nothing happens."""
    request_id = exchange.request_id
    own = {"Content-Type": MEDIA_TYPE, "Link": link(problem), "X-Request-Id": request_id}
    headers = [*(boundary.HEADERS | own).items(), *problem.headers.items()]
    exchange.proto.response_bytes(problem.kind.status, headers, orjson.dumps(members(problem, request_id)))
