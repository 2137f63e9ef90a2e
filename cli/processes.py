"""The processes that stay: those of production, one command each, and `punchcard up`, which starts them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

import config

ALL_QUEUES = "stripe,bookings,notifications,maintenance"
CHILDREN = 2
MOST_CHILDREN = 64


def plain(words: Sequence[str]) -> Callable[[], int | None] | None:
    """Return what runs the process that a command line names in the usual words; None if they need the parser."""
    alone: dict[tuple[str, ...], Callable[[], int | None]] = {
        ("up",): partial(up, port=None, demo=False),
        ("up", "--demo"): partial(up, port=None, demo=True),
        ("gateway",): gateway,
        ("worker",): partial(worker, ALL_QUEUES, CHILDREN),
        ("beat",): beat,
    }
    match words:
        case ["worker", "--queues", queues]:
            return partial(worker, queues, CHILDREN)
        case ["worker", "--queues", queues, "--concurrency", number] if number in map(str, range(1, MOST_CHILDREN + 1)):
            return partial(worker, queues, int(number))
    return alone.get(tuple(words))


def up(*, port: int | None, demo: bool) -> int:
    """Start all others, supervised; return the exit code."""
    from cli.up import up as start

    return start(port=port, demo=demo)


def gateway() -> None:
    """Serve HTTP."""
    _without_rich()
    from webhook_gateway.server import serve

    serve(config.load())


def worker(queues: str, concurrency: int) -> None:
    """Work on queues, with `concurrency` tasks at a time in processes of their own."""
    config.load()
    _without_rich()
    from celery.utils.nodenames import host_format

    from worker.app import app

    # Root is dangerous to workers that unpickle messages; this one takes JSON alone.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    # Not through Celery's own command line, which every process of the pool would have to keep.
    process = app.Worker(
        queues=queues,
        concurrency=concurrency,
        hostname=host_format(f"punchcard-{queues.replace(',', '-')}@%h"),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        # Without the banner.
        quiet=True,
    )
    process.start()
    sys.exit(process.exitcode)


def beat() -> None:
    """Say when scheduled tasks are due. A second one does no harm: periods are claimed in the database."""
    config.load()
    _without_rich()
    from worker.app import app

    # It names tasks and runs none: without them it needs neither the database nor the rules.
    app.conf.include = ()
    # A scheduler that keeps nothing on disk: what is due is in the database.
    app.Beat(scheduler="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()


def _without_rich() -> None:
    """Import structlog and not rich: 5 MB in every process, for tracebacks in colour, which we never show."""
    if "rich" not in sys.modules:
        # This makes an import of it fail, which structlog is prepared for.
        sys.modules["rich"] = None  # type: ignore[assignment]
        import_module("structlog")
        del sys.modules["rich"]
