"""A TCP proxy of our own between a client and a server's socket, that can lose what passes."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self

CHUNK = 65_536


class Proxy:
    """Listens on loopback, passes on to a socket; faults are switched while it runs.

    The next `losses` answers that say an INSERT was done are lost and the line is cut: the client
    cannot know what became of its statement. `delay` holds back each answer, in seconds.
    """

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.losses = 0
        self.delay = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                server.sendall(data)
        _close(server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if self.losses and b"INSERT 0" in data:
                    self.losses -= 1
                    break
                time.sleep(self.delay)
                client.sendall(data)
        _close(client)


def _close(each: Any) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
