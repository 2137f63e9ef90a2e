"""A storm over a whole stack: purchases flow while its processes and servers die, and none is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import redis

from tests.stack import Stack, wait_for
from tests.stripe_objects import body, checkout, intent

PURCHASES_PER_SECOND = 250 / 60
KILL_EVERY = 0.7
FLUSH_EVERY = 2.0
FREEZE_EVERY = 9.0
FROZEN_FOR = 3.0
# How long Stripe would have to wait for a 200 at the most before the storm calls it lost.
GIVE_UP_SECONDS = 90
HEAL_SECONDS = 120

PACKAGES = """
SELECT s.external_id, count(*) FROM student_packages k JOIN students s ON s.id = k.student_id
 WHERE s.external_id LIKE 'storm-%' GROUP BY 1
"""


@dataclass
class Report:
    """What was done, and what came of it."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    refused: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    slowest_recovery: float = 0.0
    audit: str = ""

    def lines(self) -> str:
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        return (
            f"seed {self.seed}\nfaults injected: {faults}\n"
            f"events sent {self.sent}, answered otherwise than 200 and sent again {self.refused}\n"
            f"purchases acknowledged {self.acknowledged}, lost {len(self.lost)}, doubled {len(self.doubled)}\n"
            f"slowest from acknowledgement to package {self.slowest_recovery:.1f} s\n"
            f"audit: {self.audit or 'finds nothing'}"
        )


class Storm:
    """Traffic and faults, both from one seed."""

    def __init__(self, stack: Stack, *, seed: int, seconds: float, restart_every: float) -> None:
        self.stack = stack
        self.seconds = seconds
        self.restart_every = restart_every
        self.report = Report(seed)
        self._traffic = random.Random(f"traffic {seed}")
        self._faults = random.Random(f"faults {seed}")
        self._acknowledged: dict[str, float] = {}
        self._fulfilled: dict[str, float] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> Report:
        """Let it rage, let it heal, and look at what is left."""
        end = time.monotonic() + self.seconds
        threads = [threading.Thread(target=each) for each in (lambda: self._send_until(end), self._watch)]
        for thread in threads:
            thread.start()
        self._break_until(end)
        threads[0].join()
        wait_for(self._healed, seconds=HEAL_SECONDS, what="healing")
        self._over.set()
        threads[1].join()
        self._judge()
        return self.report

    def _send_until(self, end: float) -> None:
        """Send each purchase as two events in random order, some twice, each until it is acknowledged."""
        senders: list[threading.Thread] = []
        number = 0
        while time.monotonic() < end:
            student = f"storm-{self.report.seed}-{number}"
            events = [checkout(payment=f"pi_{student}", student=student), intent(f"pi_{student}")]
            events += self._traffic.choices(events, k=self._traffic.choice((0, 0, 1)))
            self._traffic.shuffle(events)
            sender = threading.Thread(target=self._send, args=(student, [body(event) for event in events]))
            sender.start()
            senders.append(sender)
            number += 1
            time.sleep(1 / PURCHASES_PER_SECOND)
        for sender in senders:
            sender.join()

    def _send(self, student: str, bodies: list[bytes]) -> None:
        end = time.monotonic() + GIVE_UP_SECONDS
        for each in bodies:
            while self.stack.post_event(each) != 200:
                with self._lock:
                    self.report.refused += 1
                assert time.monotonic() < end, f"{student} was never acknowledged"
                time.sleep(0.3)
            with self._lock:
                self.report.sent += 1
        with self._lock:
            self._acknowledged[student] = time.monotonic()

    def _watch(self) -> None:
        """Note when each purchase has become a package."""
        while not self._over.wait(0.2):
            with suppress(psycopg.Error):
                now, packages = time.monotonic(), self._packages()
                for student in packages.keys() - self._fulfilled.keys():
                    self._fulfilled[student] = now

    def _packages(self) -> dict[str, int]:
        with psycopg.connect(self.stack.database_url, connect_timeout=2) as connection:
            return dict(connection.execute(PACKAGES).fetchall())

    def _break_until(self, end: float) -> None:
        """Inject each kind of fault at its own pace."""
        kinds: list[tuple[float, Callable[[], str]]] = [
            (KILL_EVERY, self._kill),
            (FLUSH_EVERY, self._flush),
            (FREEZE_EVERY, self._freeze),
            (self.restart_every, self._kill_database),
        ]
        due = [time.monotonic() + pace for pace, _ in kinds]
        while time.monotonic() < end:
            for place, (pace, inject) in enumerate(kinds):
                if time.monotonic() >= due[place]:
                    due[place] += pace
                    self.report.faults[inject()] += 1
            time.sleep(0.02)

    def _kill(self) -> str:
        """Kill one of the processes or of a worker's children."""
        name = self._faults.choice(("gateway", "worker", "worker", "beat"))
        mains = self.stack.children().get(name, [])
        family = [pid for main in mains for pid in (main, *self.stack.offspring(main))]
        if family:
            with suppress(ProcessLookupError):
                os.kill(self._faults.choice(sorted(family)), signal.SIGKILL)
        return f"killed {name}"

    def _flush(self) -> str:
        with suppress(redis.RedisError):
            redis.Redis.from_url(self.stack.broker_url, socket_timeout=0.5).flushall()
        return "flushed broker"

    def _freeze(self) -> str:
        """Stop the broker for a while: it takes connections and answers nothing."""
        for pid in self.stack.children().get("valkey", []):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                threading.Timer(FROZEN_FOR, _wake, [pid]).start()
        return "froze broker"

    def _kill_database(self) -> str:
        for pid in self.stack.children().get("postgres", []):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return "killed database"

    def _healed(self) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.stack.database_url, connect_timeout=2) as connection:
            left = connection.execute("SELECT count(*) FROM stripe_events WHERE status = 'RECEIVED'").fetchone()
            return left == (0,)
        return False

    def _judge(self) -> None:
        packages = self._packages()
        self.report.acknowledged = len(self._acknowledged)
        self.report.lost = sorted(self._acknowledged.keys() - packages.keys())
        self.report.doubled = sorted(student for student, number in packages.items() if number > 1)
        waits = [self._fulfilled.get(student, at) - at for student, at in self._acknowledged.items()]
        self.report.slowest_recovery = max(waits, default=0.0)
        audit = self.stack.run("audit")
        self.report.audit = "" if audit.returncode == 0 else audit.stdout + audit.stderr


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
