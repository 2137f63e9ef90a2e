"""A gateway as production runs it, in a process of its own, spoken to over bare sockets."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from cli.embedded.process import spawn, stop
from tests.stack import PUNCHCARD, free_port, wait_for
from webhook_gateway.signature import sign
from worker import clock

SECRET = "whsec_platform"
JWT_SECRET = "a secret of the tests, long enough for HS256"
WEBHOOK = "/webhooks/stripe"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Served:
    """A gateway that serves."""

    port: int
    pid: int
    log: Path

    def connect(self, *, seconds: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def say(self, *parts: bytes, seconds: float = 5) -> Answer | None:
        """Send bytes and return the answer; None where the connection was closed without one."""
        with self.connect(seconds=seconds) as connection:
            # Refused midway, a client may still read why.
            with suppress(ConnectionError):
                for part in parts:
                    connection.sendall(part)
            return answer(connection)

    def get(self, path: str) -> Answer | None:
        return self.say(request("GET", path))

    def post(self, body: bytes, path: str = WEBHOOK) -> Answer | None:
        return self.say(event_request(body, path=path))

    def processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def peak_memory(self) -> int:
        """Return the most bytes that any of its processes ever held."""
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self.processes()]
        lines = (line for status in statuses for line in status.splitlines() if line.startswith("VmHWM"))
        return max(int(line.split()[1]) * 1024 for line in lines)


def answer(connection: socket.socket) -> Answer | None:
    response = HTTPResponse(connection)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    except TimeoutError as error:
        raise AssertionError("neither an answer nor an end") from error
    except (HTTPException, OSError):
        return None


def request(method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    lines = [("Host", "tests"), ("Connection", "close"), *headers]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def event_request(body: bytes, *, path: str = WEBHOOK, method: str = "POST", **headers: str) -> bytes:
    """Return the request that Stripe would send; `Content_Length="…"` and the like replace a header or add one."""
    usual = {"Content-Type": "application/json", "Stripe-Signature": signature(body), "Content-Length": str(len(body))}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Transfer-Encoding" in named:
        del usual["Content-Length"]
    return request(method, path, (usual | named).items(), body if "Transfer-Encoding" not in named else b"")


def signature(body: bytes) -> str:
    return sign(body, SECRET, at=clock.now())


def environment(database_url: str, broker_url: str, home: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PUNCHCARD_HOME": str(home),
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "JWT_SECRET": JWT_SECRET,
        "STRIPE_WEBHOOK_SECRETS": SECRET,
    }


@contextmanager
def served(
    environ: Mapping[str, str], log: Path, argv: Sequence[str] = (str(PUNCHCARD), "gateway")
) -> Iterator[Served]:
    """Serve for a block, on a free port."""
    port = free_port()
    with log.open("ab") as output:
        process = spawn(argv, env={**environ, "PORT": str(port)}, output=output)
    gateway = Served(port, process.pid, log)
    try:
        wait_for(lambda: _takes_connections(gateway), what=f"the gateway of {log}")
        yield gateway
    finally:
        stop(process, signal.SIGTERM, patience=10)


def _takes_connections(gateway: Served) -> bool:
    try:
        gateway.connect().close()
    except ConnectionRefusedError:
        return False
    return True
