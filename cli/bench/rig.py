"""A place to measure in: throwaway servers with the demo studios, and the processes that are measured."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from cli.bench.clients import SECRET
from cli.bench.purchases import Event
from cli.embedded.broker import LOOPBACK, EmbeddedBroker
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.process import spawn, stop, wait_until
from cli.ready import is_ready
from db import schema
from worker import clock

# The limit and the plain way write into tables of their own, so that they leave ours as they are.
DATABASES = ("bare", "plain")
PATIENCE = 60.0
PUNCHCARD = Path(sys.executable).with_name("punchcard")
JWT_SECRET = "the benchmark asks nobody for a token"  # noqa: S105 - it signs for a moment
COPY = """
COPY stripe_events (scope, event_id, type, livemode, payment_key, payload, due_at, received_at)
FROM STDIN (FORMAT BINARY)
"""
TYPES = ("int8", "text", "text", "bool", "text", "bytea", "timestamptz", "timestamptz")


@dataclass(frozen=True, slots=True)
class Rig:
    """The servers, and where they are."""

    home: Path
    postgres: EmbeddedPostgres
    broker: EmbeddedBroker

    def database_url(self, name: str = "punchcard") -> str:
        """Return where one of the databases is."""
        return self.postgres.url_of(name)

    def environment(self, database: str = "punchcard", **more: str) -> dict[str, str]:
        """Return what a process of ours needs to know."""
        return {
            "DATABASE_URL": self.database_url(database),
            "BROKER_URL": self.broker.url,
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "JWT_SECRET": JWT_SECRET,
            "PUNCHCARD_HOME": str(self.home),
            "LOG_LEVEL": "warning",
            **more,
        }

    @contextmanager
    def running(self, argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[Popen[bytes]]:
        """Run a process for a block; its messages go into a file of the rig's folder."""
        with run(argv, environ, self.home / "log") as process:
            yield process

    @contextmanager
    def gateway(self) -> Iterator[tuple[Popen[bytes], int]]:
        """Run a gateway for a block; give its process and its port."""
        port = free_port()
        with self.running([str(PUNCHCARD), "gateway"], self.environment(PORT=str(port))) as process:
            until(lambda: is_ready(LOOPBACK, port), "the gateway serves")
            yield process, port

    @contextmanager
    def worker(self, children: int, *, queues: str = "stripe") -> Iterator[Popen[bytes]]:
        """Run a worker of some queues for a block."""
        argv = [str(PUNCHCARD), "worker", "--queues", queues, "--concurrency", str(children)]
        with self.running(argv, self.environment()) as process:
            yield process


@contextmanager
def rig() -> Iterator[Rig]:
    """Make a place to measure in, and leave nothing of it behind."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="punchcard-bench-")))
        # The servers may run as another user, who must get to their folders.
        home.chmod(0o711)
        postgres = stack.enter_context(EmbeddedPostgres(home / "postgres"))
        broker = stack.enter_context(EmbeddedBroker(home / "broker"))
        here = Rig(home, postgres, broker)
        _fill(here)
        yield here


@contextmanager
def run(argv: Sequence[str], environ: Mapping[str, str], log: Path, *, patience: float = 0) -> Iterator[Popen[bytes]]:
    """Run a process for a block, with what is left of its own processes for at most `patience` seconds more."""
    with log.open("ab") as output:
        process = spawn(argv, env=environ, output=output)
    try:
        yield process
    finally:
        stop(process, signal.SIGTERM, patience=patience)


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """Return a connection for what is around the measuring, where every statement stands for itself."""
    return psycopg.connect(url, autocommit=True)


def _fill(here: Rig) -> None:
    from cli.demo import seed

    with connect(here.database_url()) as connection:
        for name in DATABASES:
            connection.execute(f"CREATE DATABASE {name}")
    for name in ("punchcard", *DATABASES):
        schema.upgrade(here.database_url(name))
        seed(here.database_url(name))


def store(url: str, events: Sequence[Event]) -> None:
    """Store events as the gateway would have, and tell the planner of them."""
    at = clock.now()
    with connect(url) as connection:
        with connection.cursor().copy(COPY) as rows:
            rows.set_types(TYPES)
            for event in events:
                rows.write_row((0, event.id, event.type, False, event.payment, event.body, at, at))
        connection.execute("ANALYZE")


class Watch:
    """Looks at how far the rows of an inbox are; give it back with `close`."""

    def __init__(self, url: str, table: str = "stripe_events", pending: str = "RECEIVED") -> None:
        self._connection = connect(url)
        self._table, self._pending = Identifier(table), pending

    def left(self) -> int:
        """Return how many are not handled yet."""
        return self.count(self._pending)

    def count(self, status: str) -> int:
        """Return how many there are in a status."""
        return self._ask(SQL("SELECT count(*) FROM {} WHERE status = {}").format(self._table, Literal(status)))

    def is_over(self) -> bool:
        """Say whether all are handled; however many are not, it costs next to nothing."""
        one = SQL("SELECT count(*) FROM (SELECT FROM {} WHERE status = {} LIMIT 1) one")
        return not self._ask(one.format(self._table, Literal(self._pending)))

    def _ask(self, question: Composed) -> int:
        row = self._connection.execute(question).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def until(condition: Callable[[], bool], what: str, *, pause: float = 0.02) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not within a minute.

    """
    if not wait_until(condition, patience=PATIENCE, pause=pause):
        raise TimeoutError(f"{what}: not within {PATIENCE:.0f} s")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
