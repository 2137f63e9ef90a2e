"""A whole stack as its own processes: started, used from outside, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from cli.token import mint
from webhook_gateway.signature import sign
from worker import clock

PUNCHCARD = Path(sys.executable).with_name("punchcard")
ROOT = Path(__file__).parents[1]
START_SECONDS = 60
# Longer than a command waits.
ANSWER_SECONDS = 40
# What a client meets where no whole answer came.
NO_ANSWER = (OSError, HTTPException, ValueError)
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], T], *, seconds: float = 20, what: str = "it") -> T:
    """Return what a condition returns once that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@dataclass(frozen=True)
class Reply:
    """What a command was answered with."""

    status: int
    headers: Message
    content: bytes
    said: Any

    @property
    def code(self) -> str:
        """`done`, `not yet`, or the problem's code."""
        return "not yet" if self.status == 202 else "done" if self.status < 300 else str(self.said["code"])

    @property
    def job(self) -> int | None:
        """The job that stands for the command; None where it was not accepted."""
        location = self.headers["Location"]
        return int(location.rpartition("/")[2]) if location else None


def send(
    port: int, method: str, path: str, said: object = None, token: str | None = None, **headers: str | None
) -> Reply:
    """Send JSON, or nothing, to a gateway; `Idempotency_Key="…"` and the like are headers, None is none."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    content = None if said is None else json.dumps(said)
    kind = {} if content is None else {"Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)) as connection:
        connection.request(method, path, content, kind | _bearer(token) | named)
        response = connection.getresponse()
        answered = response.read()
    # Half an answer is none: nobody need look into it to see that.
    return Reply(response.status, response.headers, answered, json.loads(answered or b"null"))


class Stack:
    """`punchcard up` in a folder of its own."""

    def __init__(self, home: Path, *, env: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("STRIPE_", "JWT_", "DATABASE_", "BROKER_", "SMTP_"))
        }
        self.env |= {"PUNCHCARD_HOME": str(home), "PORT": str(self.port), **(env or {})}
        self.log = home.parent / f"{home.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Stack:
        with self.log.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen([PUNCHCARD, "up", "--demo"], cwd=ROOT, env=self.env, stdout=log, stderr=log)
        wait_for(
            lambda: b"\nready http" in b"\n" + self._said(before), seconds=START_SECONDS, what=f"ready in {self.log}"
        )
        wait_for(lambda: b"Authorization" in self._said(before), what="the welcome")
        return self

    def _said(self, after: int = 0) -> bytes:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_bytes()[after:]

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(sent)
        return self.process.wait(40)

    @property
    def secret(self) -> str:
        return self._generated("STRIPE_WEBHOOK_SECRETS")

    @property
    def jwt_secret(self) -> str:
        return self._generated("JWT_SECRET")

    @property
    def database_url(self) -> str:
        return self._generated("DATABASE_URL")

    @property
    def broker_url(self) -> str:
        return self._generated("BROKER_URL")

    def _generated(self, name: str) -> str:
        lines = dict(line.split("=", 1) for line in (self.home / "env").read_text().splitlines())
        return lines[name]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PUNCHCARD, *arguments], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=60, check=False
        )

    def token(self, role: str = "student", sub: str = "demo-student", org: str = "lumen") -> str:
        return self.run("token", "--org", org, "--role", role, "--sub", sub).stdout.strip()

    def mint(self, role: str = "student", sub: str = "demo-student", org: str = "lumen", **claims: Any) -> str:
        """Return a token as `token` does, without a process of its own."""
        return mint(self.jwt_secret, org=org, role=role, sub=sub, **claims)

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        return self._ask(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=_bearer(token)))

    def post(self, path: str, said: object = None, token: str | None = None, **headers: str | None) -> Reply:
        return send(self.port, "POST", path, said, token, **headers)

    def delete(self, path: str, said: object = None, token: str | None = None, **headers: str | None) -> Reply:
        return send(self.port, "DELETE", path, said, token, **headers)

    def post_event(self, body: bytes) -> int:
        """Post an event as Stripe does; 0 where nobody answers."""
        at = self.now()
        headers = {"Stripe-Signature": sign(body, self.secret, at=at), "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/webhooks/stripe"
        try:
            return self._ask(urllib.request.Request(url, body, headers))[0]
        except OSError:
            return 0

    def now(self) -> datetime:
        """Return what time it is there."""
        return clock.now()

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def holdings(self, token: str) -> list[dict[str, Any]]:
        status, answer = self.get("/api/students/me/packages", token)
        assert status == 200, answer
        return list(answer["items"])

    def children(self) -> dict[str, list[int]]:
        """Return the ids of the supervisor's children by what they are."""
        assert self.process is not None
        found: dict[str, list[int]] = {}
        for pid in self.offspring(self.process.pid):
            line = _command_line(pid)
            for name in ("gateway", "worker", "beat", "postgres", "valkey"):
                if f"punchcard {name}" in line or f"/{name}" in line.split(" ")[0]:
                    found.setdefault(name, []).append(pid)
        return found

    @staticmethod
    def offspring(pid: int) -> list[int]:
        """Return the ids of a process's children; none where it has gone."""
        try:
            return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []


def _command_line(pid: int) -> str:
    """Return what a process was started as; empty where it went between the listing and the look."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextmanager
def running(home: Path, **options: Any) -> Iterator[Stack]:
    """Run a stack for a block; whatever happens in it, nothing stays behind."""
    stack = Stack(home, **options)
    try:
        yield stack.start()
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
