"""One connection per process that hears which jobs ended, reads how, and wakes whoever waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import structlog

from db.connection import connect_arguments, cut
from webhook_gateway.job_link import Row
from webhook_gateway.job_store import OUTCOMES, Outcome, outcomes

CHANNEL = "jobs"
# As many as end while a request goes from its commit to its wait, many times over.
REMEMBERED = 4_096
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# How often it looks whether it is to end.
SLICE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class Waiter:
    """Somebody who waits: woken by the event, with the outcome where it was read already."""

    woken: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None


class JobListener:
    """Listens from the first time that somebody waits; each notification names jobs that ended, by their ids.

    The outcomes of all that somebody waits for are read at once, which costs the database and us less than
    a look by each. A job may end before whoever stored it begins to wait: the ids heard last are remembered for them.
    What is said while the connection is away nobody hears: whoever waits looks for themselves now and then.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._lock = threading.Lock()
        self._waiting: dict[int, list[Waiter]] = {}
        self._ended: dict[int, None] = {}
        self._thread: threading.Thread | None = None
        self._connection: psycopg.Connection[Row] | None = None
        self._closing = threading.Event()
        self.listening = threading.Event()

    def start(self) -> None:
        """Listen, in a thread that ends with the process; one that did not survive a fork is started anew."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="job-listener", daemon=True)
                self._thread.start()

    @contextmanager
    def waiting_for(self, job_id: int) -> Iterator[Waiter]:
        """Give a waiter that is woken when a job ends, or did so a moment ago."""
        self.start()
        waiter = Waiter()
        with self._lock:
            self._waiting.setdefault(job_id, []).append(waiter)
            if job_id in self._ended:
                waiter.woken.set()
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiting[job_id].remove(waiter)
                if not self._waiting[job_id]:
                    del self._waiting[job_id]

    def tell(self, job_ids: Iterable[int], outcomes: Mapping[int, Outcome] | None = None) -> None:
        """Wake whoever waits for one of these jobs, or will in a moment; with its outcome, if it is known."""
        with self._lock:
            for job_id in job_ids:
                self._ended[job_id] = None
                for waiter in self._waiting.get(job_id, ()):
                    waiter.outcome = (outcomes or {}).get(job_id)
                    waiter.woken.set()
            while len(self._ended) > REMEMBERED:
                del self._ended[next(iter(self._ended))]

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                if not self._closing.is_set():
                    log.warning("listener.away", error=type(error).__qualname__)
            # It was well until now: the next try is the first again.
            pause = FIRST_PAUSE_SECONDS if self.listening.is_set() else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self.listening.clear()
            self._closing.wait(pause)

    def _listen(self) -> None:
        # On the connection of a transaction nothing is heard before its end.
        with psycopg.connect(self._url, autocommit=True, **connect_arguments("listener")) as connection:  # type: ignore[arg-type]
            self._connection = connection
            connection.execute(f"LISTEN {CHANNEL}")
            self.listening.set()
            self._wake_all()
            while not self._closing.is_set():
                heard = connection.notifies(timeout=SLICE_SECONDS, stop_after=1)
                if ended := [job_id for each in heard for job_id in _ids(each.payload)]:
                    self.tell(ended, self._read(connection, ended))

    def _read(self, connection: psycopg.Connection[Row], job_ids: Iterable[int]) -> dict[int, Outcome]:
        with self._lock:
            wanted = [job_id for job_id in job_ids if job_id in self._waiting]
        return outcomes(connection.execute(OUTCOMES, {"ids": wanted}, prepare=True)) if wanted else {}

    def _wake_all(self) -> None:
        """Have everybody look for themselves: what was said before this moment was not heard."""
        with self._lock:
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.woken.set()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        if self._connection is not None:
            cut(self._connection)
        if self._thread is not None:
            self._thread.join()


def _ids(payload: str) -> list[int]:
    return [int(each) for each in payload.split(",") if each.isdecimal() and each.isascii()]
