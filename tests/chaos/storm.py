"""A storm over a whole stack: students buy and book while its processes and servers die; nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException

import psycopg
import redis

from tests.chaos.bookers import Booker, GivenUp, patrons
from tests.chaos.flow import END_SESSIONS, held
from tests.chaos.history import History, Judgement
from tests.stack import Stack
from tests.stripe_objects import body, checkout, intent

PURCHASES_PER_SECOND = 250 / 60
# Students who book, change and cancel, one thing after the other.
BOOKERS = 6
BOOK_EVERY = 0.1
KILL_EVERY = 0.7
FLUSH_EVERY = 2.0
FREEZE_WORKER_EVERY = 4.0
END_SESSIONS_EVERY = 7.0
FREEZE_BROKER_EVERY = 9.0
KILL_BROKER_EVERY = 11.0
# Long enough for others to take over, or to give up on a lock.
FROZEN_FOR = (1.0, 4.0)
# How long Stripe would have to wait for a 200 at the most before the storm calls it lost.
GIVE_UP_SECONDS = 90
HEAL_SECONDS = 120
TELL_EVERY = 30.0

LEFT = """
SELECT (SELECT count(*) FROM stripe_events WHERE status = 'RECEIVED')
     + (SELECT count(*) FROM jobs WHERE status IN ('QUEUED', 'RUNNING'))
"""


@dataclass
class Report:
    """What was done, and what came of it."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    refused: int = 0
    purchases: int = 0
    acknowledged: int = 0
    given_up: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    slowest_acknowledgement: float = 0.0
    slowest_recovery: float = 0.0
    healed_after: float | None = None
    audit: str = ""
    commands: int = 0
    commands_sent_again: int = 0
    bookings: Judgement = field(default_factory=Judgement)

    @property
    def is_clean(self) -> bool:
        wrong = self.given_up or self.lost or self.doubled or self.bookings.faults or self.audit
        return not wrong and self.healed_after is not None

    def lines(self) -> str:
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        healed = "not" if self.healed_after is None else f"{self.healed_after:.1f} s after the last fault"
        return "\n".join(
            (
                f"seed {self.seed}",
                f"faults injected: {self.faults.total()} ({faults})",
                f"events sent {self.sent}, answered otherwise than 200 and sent again {self.refused}",
                f"purchases {self.purchases}, acknowledged {self.acknowledged}, given up {len(self.given_up)}",
                f"lost {len(self.lost)}, doubled {len(self.doubled)}",
                f"commands {self.commands}, answered by nobody or 503 and sent again {self.commands_sent_again}",
                str(self.bookings),
                f"slowest recovery: {self.slowest_recovery:.1f} s from a purchase's first attempt to its package",
                f"slowest acknowledgement: {self.slowest_acknowledgement:.1f} s from the first attempt",
                f"healed: {healed}",
                f"audit: {self.audit or 'finds nothing'}",
                *(f"given up: {student}" for student in self.given_up),
                *(f"lost: {student}" for student in self.lost),
                *(f"doubled: {student}" for student in self.doubled),
                *(f"bookings: {fault}" for fault in self.bookings.faults),
            )
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
        self._began: dict[str, float] = {}
        self._acknowledged: dict[str, float] = {}
        self._fulfilled: dict[str, float] = {}
        self._bookers: list[Booker] = []
        self._over = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> Report:
        """Let it rage, let it heal, and look at what is left."""
        # They buy what they will book with while all is well.
        self._bookers = patrons(self.stack, f"booker-{self.report.seed}", BOOKERS, patience=GIVE_UP_SECONDS)
        end = time.monotonic() + self.seconds
        busy = [threading.Thread(target=self._send_until, args=(end,))]
        busy += [threading.Thread(target=self._book_until, args=(end, each)) for each in self._bookers]
        watching = threading.Thread(target=self._watch)
        for thread in (*busy, watching):
            thread.start()
        try:
            self._break_until(end)
            for thread in busy:
                thread.join()
            self._heal(end)
        finally:
            self._over.set()
            watching.join()
        self._judge()
        return self.report

    def _book_until(self, end: float, booker: Booker) -> None:
        """Let a student book, change and cancel; each command until it is answered with its outcome."""
        try:
            while time.monotonic() < end:
                booker.step()
                time.sleep(BOOK_EVERY)
        except GivenUp as command:
            self.report.given_up.append(f"command {command}")

    def _send_until(self, end: float) -> None:
        """Send each purchase as two events in random order, some twice, each until it is acknowledged."""
        senders: list[threading.Thread] = []
        while time.monotonic() < end:
            student = f"storm-{self.report.seed}-{self.report.purchases}"
            events = [checkout(payment=f"pi_{student}", student=student), intent(f"pi_{student}")]
            events += self._traffic.choices(events, k=self._traffic.choice((0, 0, 1)))
            self._traffic.shuffle(events)
            sender = threading.Thread(target=self._send, args=(student, [body(event) for event in events]))
            sender.start()
            senders.append(sender)
            self.report.purchases += 1
            time.sleep(1 / PURCHASES_PER_SECOND)
        for sender in senders:
            sender.join()

    def _send(self, student: str, bodies: list[bytes]) -> None:
        began = time.monotonic()
        for each in bodies:
            while self._post(each) != 200:
                with self._lock:
                    self.report.refused += 1
                if time.monotonic() > began + GIVE_UP_SECONDS:
                    self.report.given_up.append(student)
                    return
                time.sleep(0.3)
            with self._lock:
                self.report.sent += 1
        with self._lock:
            self._began[student], self._acknowledged[student] = began, time.monotonic()

    def _post(self, content: bytes) -> int:
        """Post as Stripe does; 0 also where half of an answer came."""
        with suppress(HTTPException, ValueError):
            return self.stack.post_event(content)
        return 0

    def _watch(self) -> None:
        """Note when each purchase has become a package."""
        while not self._over.wait(0.2):
            with suppress(psycopg.Error):
                self._note(self._packages())

    def _note(self, students: Iterable[str]) -> None:
        now = time.monotonic()
        for student in students:
            self._fulfilled.setdefault(student, now)

    def _packages(self) -> dict[str, int]:
        return held(self.stack, f"storm-{self.report.seed}-%")

    def _break_until(self, end: float) -> None:
        """Inject each kind of fault at its own pace."""
        kinds: list[tuple[float, Callable[[], str]]] = [
            (KILL_EVERY, self._kill),
            (FLUSH_EVERY, self._flush),
            (FREEZE_WORKER_EVERY, self._freeze_worker),
            (END_SESSIONS_EVERY, self._end_sessions),
            (FREEZE_BROKER_EVERY, self._freeze_broker),
            (KILL_BROKER_EVERY, lambda: self._kill_server("valkey", "broker")),
            (self.restart_every, lambda: self._kill_server("postgres", "database")),
        ]
        due = [time.monotonic() + pace for pace, _ in kinds]
        tell_at = time.monotonic() + TELL_EVERY
        while (now := time.monotonic()) < end:
            for place, (pace, inject) in enumerate(kinds):
                if now >= due[place]:
                    due[place] += pace
                    self.report.faults[inject()] += 1
            if now >= tell_at:
                tell_at += TELL_EVERY
                self._tell(self.seconds - (end - now))
            time.sleep(0.02)

    def _tell(self, after: float) -> None:
        sent, held, faults = self.report.sent, len(self._fulfilled), self.report.faults.total()
        print(f"{after:.0f} s: {sent} events sent, {held} packages, {faults} faults", flush=True)

    def _kill(self) -> str:
        """Kill one of the processes or of a worker's children."""
        name = self._faults.choice(("gateway", "worker", "worker", "beat"))
        mains = self.stack.children().get(name, [])
        self._signal(signal.SIGKILL, [pid for main in mains for pid in (main, *self.stack.offspring(main))])
        return f"killed {name}"

    def _freeze_worker(self) -> str:
        """Stop a worker's child for a while, whatever it holds: a row, a lease, or nothing."""
        mains = self.stack.children().get("worker", [])
        self._freeze([pid for main in mains for pid in self.stack.offspring(main)])
        return "froze a worker's child"

    def _freeze_broker(self) -> str:
        """Stop the broker for a while: it takes connections and answers nothing."""
        self._freeze(self.stack.children().get("valkey", []))
        return "froze broker"

    def _kill_server(self, program: str, name: str) -> str:
        self._signal(signal.SIGKILL, self.stack.children().get(program, []))
        return f"killed {name}"

    def _flush(self) -> str:
        with suppress(redis.RedisError):
            redis.Redis.from_url(self.stack.broker_url, socket_timeout=0.5).flushall()
        return "flushed broker"

    def _end_sessions(self) -> str:
        with suppress(psycopg.Error), psycopg.connect(self.stack.database_url, connect_timeout=2) as connection:
            connection.execute(END_SESSIONS, {})
        return "ended all sessions"

    def _freeze(self, pids: list[int]) -> None:
        frozen = self._signal(signal.SIGSTOP, pids)
        if frozen is not None:
            threading.Timer(self._faults.uniform(*FROZEN_FOR), _send_signal, [frozen, signal.SIGCONT]).start()

    def _signal(self, signum: signal.Signals, pids: list[int]) -> int | None:
        """Send a signal to one of some processes; return which, if there was one."""
        chosen = self._faults.choice(sorted(pids)) if pids else None
        if chosen is not None:
            _send_signal(chosen, signum)
        return chosen

    def _heal(self, since: float) -> None:
        """Wait until nothing is left to do, without any help."""
        while time.monotonic() < since + GIVE_UP_SECONDS + HEAL_SECONDS:
            with suppress(psycopg.Error), psycopg.connect(self.stack.database_url, connect_timeout=2) as connection:
                if connection.execute(LEFT).fetchone() == (0,):
                    self.report.healed_after = time.monotonic() - since
                    return
            time.sleep(0.1)

    def _judge(self) -> None:
        packages = self._packages()
        self._note(packages)
        self.report.acknowledged = len(self._acknowledged)
        self.report.lost = sorted(self._acknowledged.keys() - packages.keys())
        self.report.doubled = sorted(student for student, number in packages.items() if number > 1)
        self.report.bookings = History.read(self.stack.database_url, self._bookers).judge()
        self.report.commands = sum(len(each.sent) for each in self._bookers)
        self.report.commands_sent_again = sum(each.answers[0] + each.answers[503] for each in self._bookers)
        self.report.slowest_acknowledgement = _slowest(self._began, self._acknowledged)
        self.report.slowest_recovery = _slowest(self._began, self._fulfilled)
        audit = self.stack.run("audit")
        self.report.audit = "" if audit.returncode == 0 else audit.stdout + audit.stderr


def _slowest(began: dict[str, float], ended: dict[str, float]) -> float:
    return max((ended[each] - began[each] for each in began.keys() & ended.keys()), default=0.0)


def _send_signal(pid: int, signum: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)
