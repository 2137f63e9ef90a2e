"""Hints: a message that says a queue has work, and nothing else. Losing one costs time, never work."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis
import structlog
from celery import Celery

# The task that drains each queue's rows; a message carries no more than its name.
DRAINS = {"stripe": "stripe.drain", "bookings": "bookings.drain", "notifications": "outbox.relay"}
# What is hinted at beside a queue's own rows: the queue, and the task. Who hears of Stripe also asks it.
CALLS = "calls"
BESIDE = {CALLS: ("stripe", "stripe.call")}

# While a hint is on its way nobody sends another; the token goes by itself if the message was lost.
TOKEN_SECONDS = 5
# A broker that is down or hung is left alone for this long after each failure.
BREAKER_SECONDS = 2.0
# How long the sender waits after a hint, so that a burst of rows shares the next one; somebody waits for a booking.
PAUSE_SECONDS = 0.02
PAUSES = {"bookings": 0.003}
# Any single step with the broker; a quarter of a second twice keeps a hint under half a second.
BROKER_TIMEOUT_SECONDS = 0.25

log = structlog.get_logger(__name__)


def build_publisher(broker_url: str) -> Celery:
    """Return an app that only publishes: it fails within a quarter of a second instead of trying again.

    Redis answers when it has a message; a broker of AMQP does only if it is asked to.
    """
    app = Celery("punchcard-publisher", broker=broker_url, set_as_current=False)
    limits = {"socket_connect_timeout": BROKER_TIMEOUT_SECONDS, "socket_timeout": BROKER_TIMEOUT_SECONDS}
    once = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app.conf.update(
        task_serializer="json",
        task_ignore_result=True,
        task_publish_retry=False,
        broker_connection_timeout=BROKER_TIMEOUT_SECONDS,
        broker_transport_options=once | (limits if broker_url.startswith("redis") else {"confirm_publish": True}),
    )
    return app


def token(queue: str) -> str:
    """Return the name of the token that stands while a hint is on its way."""
    return f"hint:{queue}"


class Hints:
    """Sends hints; with a Redis broker a token keeps them to one at a time per queue."""

    def __init__(self, broker_url: str) -> None:
        self._app = build_publisher(broker_url)
        limits: dict[str, Any] = {
            "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
            "socket_timeout": BROKER_TIMEOUT_SECONDS,
        }
        self._redis = redis.Redis.from_url(broker_url, **limits) if broker_url.startswith("redis") else None
        self._closed_until = 0.0
        self._later: dict[str, float] = {}

    def send(self, queue: str) -> None:
        """Say that a queue has work, or what is beside it. Never raises: the sweeper says it again."""
        if time.monotonic() < self._closed_until:
            return
        try:
            if self._redis is None or self._redis.set(token(queue), "1", nx=True, ex=TOKEN_SECONDS):
                self._publish(queue)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises, the row is safe
            self._closed_until = time.monotonic() + BREAKER_SECONDS
            log.warning("broker.away", queue=queue, error=type(error).__name__)

    def send_after(self, queue: str, seconds: float) -> None:
        """Say so many seconds from now that a queue has work; nothing where this process says so sooner. Never raises.

        Whoever takes the hint looks what is next: one on its way is enough.
        """
        now = time.monotonic()
        if now < self._closed_until or now < self._later.get(queue, 0.0) <= now + seconds:
            return
        try:
            self._publish(queue, countdown=seconds)
            self._later[queue] = now + seconds
        except Exception as error:  # noqa: BLE001 - whatever a transport raises, the row is safe
            self._closed_until = time.monotonic() + BREAKER_SECONDS
            log.warning("broker.away", queue=queue, error=type(error).__name__)

    def _publish(self, queue: str, **options: Any) -> None:  # noqa: ANN401 - Celery's own options
        way, task = BESIDE.get(queue) or (queue, DRAINS[queue])
        self._app.send_task(task, queue=way, **options)

    def taken(self, queue: str) -> None:
        """Say that a drain has begun: what comes in from now on needs a hint of its own."""
        if self._redis is not None:
            try:
                self._redis.delete(token(queue))
            except redis.RedisError as error:
                log.warning("broker.away", queue=queue, error=type(error).__name__)


class HintThread:
    """Sends hints behind the back of requests, so that a broker that hangs costs none of them anything.

    After each it pauses for so many seconds: a queue that is in a hurry has a thread of its own.
    """

    def __init__(self, hints: Hints, pause: float = PAUSE_SECONDS) -> None:
        self._hints = hints
        self._pause = pause
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def want(self, queue: str) -> None:
        """Ask for a hint; returns at once."""
        with self._lock:
            self._wanted.add(queue)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            # Cleared before sending: what is wanted from here on wakes the thread again.
            self._wake.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            for queue in wanted:
                self._hints.send(queue)
            time.sleep(self._pause)
