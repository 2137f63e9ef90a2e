"""A TCP proxy of our own between a client and a server's socket, that can lose what passes."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

CHUNK = 65_536


@dataclass(eq=False)
class Line:
    """A client's connection and ours to the server. Once it is dark nothing passes it, and nobody is told."""

    client: socket.socket
    server: socket.socket
    is_dark: bool = False


class Proxy:
    """Listens on loopback, passes on to a socket; faults are switched while it runs.

    The next `losses` answers that say an INSERT was done are lost and the line is cut: the client
    cannot know what became of its statement. `delay` holds back each answer, in seconds. A line goes
    dark, and stays open, when `dark_at` is said on it by either side, which then does not pass.
    """

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[Line] = []
        self.port: int = self._listener.getsockname()[1]
        self.losses = 0
        self.delay = 0.0
        self.dark_at: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def dark(self) -> int:
        """How many lines went dark so far."""
        return sum(line.is_dark for line in self._lines)

    def darken(self) -> int:
        """Let every line that is open go dark, as a cable that was pulled; return how many. New ones pass."""
        for line in self._lines:
            line.is_dark = True
        return self.dark

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                line = Line(client, self._connect())
                self._lines.append(line)
                threading.Thread(target=self._up, args=(line,), daemon=True).start()
                threading.Thread(target=self._down, args=(line,), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server

    def _up(self, line: Line) -> None:
        with suppress(OSError):
            while data := line.client.recv(CHUNK):
                if not self._swallows(line, data):
                    line.server.sendall(data)
        _close(line.server)
        _close(line.client)

    def _down(self, line: Line) -> None:
        with suppress(OSError):
            while data := line.server.recv(CHUNK):
                if self.losses and b"INSERT 0" in data:
                    self.losses -= 1
                    break
                time.sleep(self.delay)
                if not self._swallows(line, data):
                    line.client.sendall(data)
        # Nobody at the end of a dark line learns that the other one has gone.
        if not line.is_dark:
            _close(line.client)

    def _swallows(self, line: Line, data: bytes) -> bool:
        if self.dark_at is not None and self.dark_at in data:
            line.is_dark = True
        return line.is_dark


def address(url: str) -> tuple[str, int]:
    """Return where the server of a URL listens."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _close(each: Any) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
