"""What a server hands over of a request and takes of the answer, without a socket between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

from webhook_gateway.front import Front


@dataclass
class Told:
    """An answer."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class Headers(dict[str, str]):
    """Headers by their lower-case names."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


@dataclass
class Exchange:
    """A request being answered."""

    body: bytes
    told: list[Told] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.told.append(Told(int(status), dict(headers), body))


class Loop:
    """An event loop in a thread of its own, for a front that lives as long."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Awaitable[Any]) -> Any:
        async def wrapped() -> Any:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result(20)

    def ask(self, front: Front, path: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST") -> Told:
        """Have a front answer a request."""
        told = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body))}
        scope = SimpleNamespace(method=method, path=path, headers=Headers(told))
        exchange = Exchange(body)
        self.run(front.__rsgi__(cast("Any", scope), cast("Any", exchange)))
        return exchange.told[0]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def a_loop(*, then: Callable[[], Awaitable[Any]]) -> Iterator[Loop]:
    """Run a loop for a block, and what closes it down at its end."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.run(then())
        loop.close()
