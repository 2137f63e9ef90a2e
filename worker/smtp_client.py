"""A conversation with an SMTP server in which no step may take long, and all of them not for ever."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import Any, TypeVar

# All steps of a message together, with the connection if it needs one.
MESSAGE_SECONDS = 20
NAME_SECONDS = 5
# What `step` may be: what follows AUTH is no command but a password, and a RSET tells of nothing.
COMMANDS = frozenset({"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"})
CHUNK = 4_096

Found = TypeVar("Found")


class Client(smtplib.SMTP):
    """A connection; `step` is the command that it is at."""

    def __init__(self, host: str, port: int, *, timeout: float, **named: Any) -> None:  # noqa: ANN401 - the library's own
        self.step = "the connection"
        self._limit = timeout
        self.allot()
        super().__init__(host, port, timeout=timeout, **named)

    def allot(self, seconds: float | None = None) -> None:
        """Give the steps that follow, together, so many seconds from now on; a message's unless named."""
        self._end = time.monotonic() + (MESSAGE_SECONDS if seconds is None else seconds)
        self._step_end = min(time.monotonic() + self._limit, self._end)

    def left(self) -> float:
        """Return how many seconds the present step has left.

        Raises:
            TimeoutError: none.

        """
        seconds = self._step_end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        """Return a connection to the first of a server's addresses that answers, all within the step's time."""
        found = within(self.left(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        failed: OSError = ConnectionError("it has no address")
        for number, (family, kind, protocol, _, address) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                # Each has its share, so that one that hangs keeps none of the others from being tried.
                sock.settimeout(self.left() / (len(found) - number))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failed = error
            else:
                return sock
        raise failed

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command."""
        if cmd.upper() in COMMANDS:
            self.step = cmd.upper()
        super().putcmd(cmd, args)

    def send(self, s: Any) -> None:  # noqa: ANN401 - as the library has it
        """Send a command, or a message: each is a step of its own."""
        self._step_end = min(time.monotonic() + self._limit, self._end)
        if self.sock:
            # Enough to fail at once, where there is no time left.
            self.sock.settimeout(max(self._step_end - time.monotonic(), 0.001))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Return what the server answers, all of whose lines have come within the step's time."""
        if self.file is None and self.sock:
            self.file = _Lines(self, self.sock)
        return super().getreply()


class TlsClient(Client):
    """A connection that is encrypted from its start."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext, **named: Any) -> None:  # noqa: ANN401 - the library's own
        self._context = context
        self._name = host
        super().__init__(host, port, **named)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        plain.settimeout(self.left())
        return self._context.wrap_socket(plain, server_hostname=self._name)


@cache
def own_name() -> str:
    """Return what this machine is called, looked up once: its network may not know it, and take its time."""
    try:
        return within(NAME_SECONDS, socket.getfqdn)
    except TimeoutError:
        return socket.gethostname()


def within(seconds: float, look_up: Callable[[], Found]) -> Found:
    """Return what a function finds that knows no time limit; one that takes longer is left to itself.

    Raises:
        TimeoutError: it does.

    """
    future: Future[Found] = Future()

    def run() -> None:
        try:
            future.set_result(look_up())
        except Exception as error:  # noqa: BLE001 - who waits has it
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)


class _Lines:
    """What a server says, line by line: one that comes a byte at a time is not waited for for ever."""

    def __init__(self, client: Client, sock: socket.socket) -> None:
        self._client = client
        self._sock = sock
        self._read = b""

    def readline(self, limit: int) -> bytes:
        """Return the next line, or what there is of it at the end of the connection."""
        while b"\n" not in self._read and len(self._read) < limit:
            self._sock.settimeout(self._client.left())
            if not (chunk := self._sock.recv(CHUNK)):
                break
            self._read += chunk
        end = min(self._read.find(b"\n") + 1 or len(self._read), limit)
        line, self._read = self._read[:end], self._read[end:]
        # As many lines as it likes, but not for as long.
        self._client.left()
        return line

    def close(self) -> None:
        """Keep nothing; the socket is closed by who has it."""
        self._read = b""
