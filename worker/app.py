"""The Celery app. Messages are hints: no results, no events, no times, no data (docs/adr/0001)."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module
from typing import Any

from billiard.util import get_pdeathsig  # type: ignore[attr-defined] # its stubs do not know it
from celery import Celery
from celery.signals import setup_logging, worker_before_create_process, worker_init

from worker import log, transport
from worker.runtime import settings
from worker.schedule import beat_schedule

QUEUES = ("stripe", "bookings", "notifications", "maintenance")

# A task that runs longer is killed; what it had not committed is undone, and its rows are still due.
TASK_SECONDS = 60
# Longer than any lease, which is longer than any task: a message that comes again finds nothing left to do.
VISIBILITY_SECONDS = 300


def _settings() -> dict[str, Any]:
    redis = settings().broker_url.startswith("redis")
    return {
        "broker_url": settings().broker_url,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_SECONDS,
            # Longer than a consumer waits for one message, which is a second.
            "socket_timeout": 3,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 3,
        }
        if redis
        else {},
    }


transport.mend()
app = Celery("punchcard", include=["tasks.stripe", "tasks.booking", "tasks.outbox", "tasks.maintenance"])
app.add_defaults(_settings)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    # A message that kills its worker would come back for ever; the row it hinted at is counted instead.
    task_reject_on_worker_lost=False,
    # A soft limit could interrupt a commit.
    task_time_limit=TASK_SECONDS,
    task_default_queue="maintenance",
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_soft_shutdown_timeout=20,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    timezone="UTC",
    beat_schedule=beat_schedule(),
    beat_max_loop_interval=5,
)


@setup_logging.connect
def _configure_logging(**_ignored: object) -> None:
    log.configure(level=settings().log_level, form=settings().log_format)


@worker_init.connect
def _prepare(**_ignored: object) -> None:
    """Load once, before the pool forks, what each of its processes would load for itself."""
    # A child sets what this asks for, and either goes through a parser of C; elsewhere than on Linux neither does.
    with suppress(OSError):
        get_pdeathsig()
    if settings().stripe_api_key:
        # Whoever waits for the first Checkout would wait for this, too.
        import_module("stripe")


@worker_before_create_process.connect
def _share_memory(**_ignored: object) -> None:
    """Keep what stands before a fork out of the garbage collector, whose marks would copy every page of it."""
    gc.freeze()
