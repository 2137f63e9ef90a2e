"""What the routes of one application share."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import cast

from flask import current_app
from sqlalchemy import Engine

from config import Settings
from webhook_gateway.job_listener import JobListener
from webhook_gateway.job_store import JobStore
from webhook_gateway.metrics import Metrics
from webhook_gateway.token import TokenReader

KEY = "punchcard.gateway"
# Requests that may wait for a job at once; one more is answered with what is known.
MAX_WAITING = 40


@dataclass(frozen=True, slots=True)
class Gateway:
    """The connections, keys and counters behind the routes."""

    settings: Settings
    engine: Engine
    tokens: TokenReader
    metrics: Metrics
    jobs: JobStore
    listener: JobListener
    waiting: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_WAITING))

    def close(self) -> None:
        """Give back what it holds of its own; the engine is whoever's made it."""
        self.listener.close()
        self.jobs.close()


def here() -> Gateway:
    """Return the gateway that serves the current request."""
    return cast("Gateway", current_app.extensions[KEY])


def hint(queue: str) -> None:
    """Say that a queue has work, after it was committed; the sweeper finds it too if nobody hears."""
    if tell := current_app.extensions.get("punchcard.hint"):
        tell(queue)
