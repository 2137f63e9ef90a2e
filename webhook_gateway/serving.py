"""The process that serves: our front before Flask, a thread per request being answered."""

from __future__ import annotations

import resource
from collections.abc import Callable
from multiprocessing import parent_process

import config
from webhook_gateway import gateway
from webhook_gateway.app import create_app
from webhook_gateway.event_store import EventStore
from webhook_gateway.front import Front, Limits
from webhook_gateway.intake import Intake
from worker import log
from worker.hints import BESIDE, DRAINS, PAUSE_SECONDS, PAUSES, Hints, HintThread
from worker.lifeline import die_with

# Requests being answered at once: 40 that wait for their job, and as many as two cores can use besides.
THREADS = 56
OPEN_FILES = 4_096

LIMITS = Limits(threads=THREADS)


def application(limits: Limits = LIMITS) -> Front:
    """Return the application of a serving process, which ends with the one that started it."""
    if parent := parent_process():
        # Whoever holds the socket after a crash would keep the next start from it.
        die_with(parent.pid or 0)
    settings = config.load()
    log.configure(level=settings.log_level, form=settings.log_format)
    app = create_app(settings)
    app.extensions[gateway.KEY].listener.start()
    app.extensions["punchcard.hint"] = hint = hinting(settings.broker_url)
    intake = Intake(settings, EventStore(settings.database_url), hint)
    _allow_open_files()
    return Front(app, intake.receive, limits, app.extensions[gateway.KEY].metrics.observe)


def hinting(broker_url: str) -> Callable[[str], None]:
    """Return the way to hint at a queue: each has a thread of its own, and waits for no other's pause."""
    queues = (*DRAINS, *BESIDE)
    threads = {queue: HintThread(Hints(broker_url), PAUSES.get(queue, PAUSE_SECONDS)) for queue in queues}
    return lambda queue: threads[queue].want(queue)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
