"""Workers and beats as processes of a test's own, on the servers that the tests share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import redis

from cli.embedded.process import kill, spawn
from cli.processes import ALL_QUEUES
from tests.chaos import faulty
from tests.chaos.faulty import Fault
from tests.stack import ROOT, Stack, wait_for
from tests.studio import Studio
from worker.runtime import hints

# CI machines are slow and shared: long enough for everything that happens at all.
PATIENCE = 60

OURS = """
SELECT count(*) AS n FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'punchcard-worker' AND backend_start > %(since)s
"""


@dataclass(eq=False)
class Member:
    """A process that was started."""

    process: Popen[bytes]
    log: Path

    @property
    def children(self) -> list[int]:
        return Stack.offspring(self.process.pid)

    def die(self) -> None:
        """Die alone: its children see for themselves what becomes of them."""
        self.process.kill()
        self.process.wait()


@dataclass
class Crew:
    """Processes that were started, on one environment."""

    studio: Studio
    environ: Mapping[str, str]
    folder: Path
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The tests' own process may have a worker's session from before.
        self.since = self.studio.one("SELECT now() AS at")["at"]

    def worker(
        self,
        queues: str = ALL_QUEUES,
        *,
        concurrency: int = 1,
        faults: tuple[Fault, ...] = (),
        haste: float = 1,
        **environ: str,
    ) -> Member:
        """Start a worker; with one child there is no doubt which one has the task."""
        arguments = ("worker", "--queues", queues, "--concurrency", str(concurrency))
        return self._start(*arguments, environ=environ | faulty.environment(*faults, haste=haste))

    def beat(self, **environ: str) -> Member:
        return self._start("beat", environ=environ)

    def _start(self, *arguments: str, environ: Mapping[str, str]) -> Member:
        log = self.folder / f"{arguments[0]}-{len(self.members)}.log"
        argv = [sys.executable, "-m", "tests.chaos.faulty", *arguments]
        with log.open("ab") as output:
            process = spawn(argv, env={**self.environ, **environ}, output=output, folder=ROOT)
        member = Member(process, log)
        self.members.append(member)
        return member

    def dismiss(self) -> None:
        """End everybody, and wait until the database has noticed: the next test starts with empty tables."""
        for member in self.members:
            kill(member.process)
        wait_for(
            lambda: self.studio.one(OURS, since=self.since)["n"] == 0,
            seconds=PATIENCE,
            what="the end of the workers' sessions",
        )


def hint(queue: str) -> None:
    """Say that a queue has work, also where an earlier hint got lost a moment ago."""
    hints().taken(queue)
    hints().send(queue)


def forget_hints(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as broker:
        broker.flushall()


def wake(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)
