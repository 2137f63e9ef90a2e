"""Keep processes alive: start them, start again those that die, and stop them when asked."""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from select import select
from subprocess import Popen
from types import FrameType
from typing import Protocol, Self

from cli.embedded.process import kill, spawn

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A process that dies sooner than this after its start died of its start.
SETTLED = 10.0
LONGEST_DELAY = 5.0
# More than the 20 s that a worker takes to finish what it has in hand.
STOP_PATIENCE = 25.0
CHECK_PAUSE = 0.1

log = logging.getLogger("punchcard.supervisor")


class Service(Protocol):
    """Something that can be started, again and again."""

    @property
    def name(self) -> str:
        """What to call it in messages."""

    def launch(self) -> Popen[bytes]:
        """Start it without waiting for it."""


class Server(Service, Protocol):
    """A service that runs already, and that somebody else stops."""

    process: Popen[bytes]


@dataclass(frozen=True, slots=True)
class Child:
    """One of our own processes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]

    def launch(self) -> Popen[bytes]:
        """Start it; its messages go where ours go."""
        return spawn(self.argv, env=self.env)


class Supervisor:
    """Children started on entry and stopped on exit; `watch` keeps them and the servers running meanwhile.

    The servers run before and after it: whoever made them stops them, once the children are gone.
    """

    def __init__(self, children: Iterable[Child], servers: Iterable[Server] = ()) -> None:
        self.asked_to_stop = False
        self._children = [_Watched(child) for child in children]
        self._servers = [_Watched(server, server.process) for server in servers]

    def __enter__(self) -> Self:
        """Start the children."""
        with ExitStack() as undo:
            self._signals = undo.enter_context(_Signals())
            undo.callback(self._stop)
            for child in self._children:
                child.start()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children."""
        self._undo.close()

    def watch(self, until: Callable[[], bool] | None = None, *, patience: float = float("inf")) -> bool:
        """Keep everything running until a signal asks us to stop, `until()` holds or patience ends.

        Returns:
            Whether it ended because `until()` holds.

        """
        deadline = time.monotonic() + patience
        while not self.asked_to_stop and time.monotonic() < deadline:
            if until and until():
                return True
            self._wait(CHECK_PAUSE if until else None)
            self._revive()
        return False

    def _wait(self, longest: float | None) -> None:
        dues = [watched.due - time.monotonic() for watched in self._all() if watched.due is not None]
        pauses = [max(pause, 0) for pause in (longest, *dues) if pause is not None]
        if self._signals.wait(min(pauses, default=None)).intersection(STOP_SIGNALS):
            self.asked_to_stop = True

    def _revive(self) -> None:
        for watched in self._all():
            watched.notice_death()
            if not self.asked_to_stop and watched.is_due():
                watched.start()

    def _stop(self) -> None:
        processes = [child.process for child in self._children if child.process]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_PATIENCE
        while _any_runs(processes) and (left := deadline - time.monotonic()) > 0:
            # Only a Ctrl-C is a person losing patience; make passes a SIGTERM on that came to both.
            if signal.SIGINT in self._signals.wait(left):
                break
        for process in processes:
            kill(process)

    def _all(self) -> list[_Watched]:
        return [*self._servers, *self._children]


@dataclass(slots=True)
class _Watched:
    service: Service
    process: Popen[bytes] | None = None
    started: float = 0.0
    early_deaths: int = 0
    due: float | None = None

    def start(self) -> None:
        self.process, self.started, self.due = self.service.launch(), time.monotonic(), None

    def is_due(self) -> bool:
        return self.due is not None and self.due <= time.monotonic()

    def notice_death(self) -> None:
        if self.process is None or self.due is not None or self.process.poll() is None:
            return
        # Its own children would hold the port and the rows that the next one needs.
        kill(self.process)
        delay = self._delay()
        self.due = time.monotonic() + delay
        when = f"in {delay:g} s" if delay else "now"
        log.warning("%s %s; it starts again %s", self.service.name, how_it_ended(self.process.returncode), when)

    def _delay(self) -> float:
        if time.monotonic() - self.started >= SETTLED:
            self.early_deaths = 0
        self.early_deaths += 1
        # Now, then 0.5 s, 1 s, 2 s, 4 s, 5 s.
        return 0.0 if self.early_deaths == 1 else min(2.0 ** (self.early_deaths - 3), LONGEST_DELAY)


class _Signals:
    """Signals as bytes in a socket, which a wait can sleep on: none is lost between a look and a sleep."""

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.settimeout(0)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {each: signal.signal(each, _noted) for each in (signal.SIGCHLD, *STOP_SIGNALS) if _heeds(each)}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def wait(self, longest: float | None) -> set[int]:
        """Sleep until a signal comes; return those that came."""
        ready, _, _ = select([self._reader], [], [], longest)
        return set(self._reader.recv(4096)) if ready else set()


def _heeds(signum: signal.Signals) -> bool:
    # Under nohup a terminal may close; a shell's background job is still stopped by its own SIGINT.
    return signum is not signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN


def _noted(_signum: int, _frame: FrameType | None) -> None:
    """Do nothing: that the signal came is in the socket."""


def _any_runs(processes: Sequence[Popen[bytes]]) -> bool:
    return any(process.poll() is None for process in processes)


def how_it_ended(code: int) -> str:
    """Say how a process ended."""
    return f"exited with code {code}" if code >= 0 else f"was killed by signal {-code} ({signal.strsignal(-code)})"
