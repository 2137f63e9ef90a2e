"""`punchcard` with its long times made short, and with faults at points that nothing outside a process could hit.

The faults come as JSON in the environment. The product itself knows nothing of them.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

FAULTS = "CHAOS_FAULTS"
# By how much the time limits that the product gives to its broker connections are shortened.
HASTE = "CHAOS_BROKER_HASTE"

SWEEP_EVERY = timedelta(seconds=1)
SHORT = {
    "worker.hints:TOKEN_SECONDS": 1,
    "worker.smtp:SMTP_TIMEOUT_SECONDS": 1,
    "worker.outbox:LEASE_SECONDS": 2,
    "worker.sweep:OVERDUE": timedelta(seconds=0.5),
    "db.connection:IDLE_IN_TRANSACTION_MS": 1_500,
}


@dataclass(frozen=True)
class Fault:
    """A signal that a process sends itself when it calls `at` (`module:function`) for something named `about`.

    Each time leaves the process's id as a line in `trace`, whoever it was; after `times` nothing happens.
    """

    at: str
    about: str
    signum: int
    trace: str
    times: int = 1

    @property
    def pids(self) -> list[int]:
        """The processes that it happened to."""
        path = Path(self.trace)
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def strike(self, arguments: object) -> None:
        if self.about in repr(arguments) and len(self.pids) < self.times:
            with Path(self.trace).open("a") as trace:
                trace.write(f"{os.getpid()}\n")
            os.kill(os.getpid(), self.signum)


def environment(*faults: Fault, haste: float) -> dict[str, str]:
    return {FAULTS: json.dumps([asdict(fault) for fault in faults]), HASTE: str(haste)}


def main() -> None:
    # First of all: others read it while they are imported.
    schedule = import_module("worker.schedule")
    sweep, *others = schedule.SCHEDULE
    vars(schedule)["SCHEDULE"] = (replace(sweep, period=SWEEP_EVERY), *others)
    for place, value in SHORT.items():
        _put(place, value)
    _hasten(float(os.environ.get(HASTE, "1")))
    for fault in json.loads(os.environ.get(FAULTS, "[]")):
        _inject(Fault(**fault))
    import_module("cli.main").main()


def _hasten(factor: float) -> None:
    """Shorten what the product limits; what it does not limit stays as it is."""
    options = import_module("worker.app").app.conf.broker_transport_options
    for name in {"socket_timeout", "health_check_interval"} & options.keys():
        options[name] /= factor


def _inject(fault: Fault) -> None:
    module, name = fault.at.split(":")
    original: Callable[..., Any] = getattr(import_module(module), name)

    @wraps(original)
    def faulty(*arguments: Any, **named: Any) -> Any:
        fault.strike((arguments, named))
        return original(*arguments, **named)

    _put(fault.at, faulty)


def _put(place: str, value: object) -> None:
    module, name = place.split(":")
    known = vars(import_module(module))
    assert name in known, f"the product has no {place} any more"
    known[name] = value


def killing(at: str, about: str, trace: Path, *, times: int = 1) -> Fault:
    return Fault(at, about, signal.SIGKILL, str(trace), times)


def freezing(at: str, about: str, trace: Path) -> Fault:
    return Fault(at, about, signal.SIGSTOP, str(trace))


if __name__ == "__main__":
    main()
