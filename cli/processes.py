"""The processes of production: one command each, and what `punchcard up` starts."""

from __future__ import annotations

import warnings

import config

ALL_QUEUES = "stripe,bookings,notifications,maintenance"


def gateway() -> None:
    """Serve HTTP."""
    from webhook_gateway.server import serve

    serve(config.load())


def worker(queues: str, concurrency: int) -> None:
    """Work on queues, with `concurrency` tasks at a time in processes of their own."""
    config.load()
    from worker.app import app

    # Root is dangerous to workers that unpickle messages; this one takes JSON alone.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    app.worker_main(
        [
            # Without the banner.
            "--quiet",
            "worker",
            f"--queues={queues}",
            f"--concurrency={concurrency}",
            f"--hostname=punchcard-{queues.replace(',', '-')}@%h",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )


def beat() -> None:
    """Say when scheduled tasks are due. A second one does no harm: periods are claimed in the database."""
    config.load()
    from worker.app import app

    # A scheduler that keeps nothing on disk: what is due is in the database.
    app.Beat(scheduler="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()
