"""The whole stack under full load: `punchcard up` takes events in and fulfils them at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.bench.clients import SECRET, Clients
from cli.bench.intake import CLIENTS, MOST_PER_SECOND
from cli.bench.machine import Spent, between, memory, snapshot
from cli.bench.rig import PUNCHCARD, Watch, connect, free_port, run, until
from cli.embedded.broker import LOOPBACK
from cli.ready import is_ready
from config import read_env_file

PROCESSED = "SELECT count(*) FROM stripe_events WHERE status = 'PROCESSED'"
# It has servers to stop, which would be left behind.
STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A stack that serves."""

    pid: int
    port: int
    database_url: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it did under load: events accepted and fulfilled per second, and the MiB that it held without PostgreSQL."""

    accepted: float
    fulfilled: float
    memory: float
    spent: Spent


@contextmanager
def whole() -> Iterator[Whole]:
    """Run a stack of its own for a block, with the demo studios."""
    port = free_port()
    with TemporaryDirectory(prefix="punchcard-whole-") as folder:
        home = Path(folder) / "home"
        environ = {"PUNCHCARD_HOME": str(home), "PORT": str(port), "STRIPE_WEBHOOK_SECRETS": SECRET}
        with run([str(PUNCHCARD), "up", "--demo"], environ, Path(folder) / "log", patience=STOP_SECONDS) as process:
            until(lambda: is_ready(LOOPBACK, port), "the stack serves")
            yield Whole(process.pid, port, read_env_file(home)["DATABASE_URL"])


def load(here: Whole, clients: Clients, seconds: float) -> Loaded:
    """Load a stack for some seconds, and let it come to an end of its work."""
    clients.prepare(int(seconds * MOST_PER_SECOND))
    with connect(here.database_url) as connection, closing(Watch(here.database_url)) as watch:
        connection.execute("ANALYZE")
        before, began = connection.execute(PROCESSED).fetchone(), snapshot(here.pid)
        heard = clients.load([here.port], clients=CLIENTS, seconds=seconds)
        spent = between(began, snapshot(here.pid))
        after = connection.execute(PROCESSED).fetchone()
        held = memory(here.pid, without="postgres")
        until(watch.is_over, "what was accepted is fulfilled", pause=0.1)
    fulfilled = (after[0] - before[0]) / spent.seconds if before and after else 0.0
    return Loaded(heard.rate, fulfilled, held, spent)
