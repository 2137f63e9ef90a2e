"""Start and stop child processes that never outlive this one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired, run
from typing import IO

from worker.lifeline import die_with

LINUX = sys.platform == "linux"
STDERR = 2


class StartError(Exception):
    """A process did not come up; the message is one line that says which and where its log is."""


def spawn(  # noqa: PLR0913 - each names one thing that a child inherits
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    output: int | IO[bytes] = STDERR,
    dies_by: signal.Signals = signal.SIGKILL,
    folder: Path | None = None,
    descriptors: Sequence[int] = (),
    owner: tuple[int, int] | None = None,
) -> Popen[bytes]:
    """Start a child in a session of its own, out of reach of the terminal's Ctrl-C.

    It gets the signal `dies_by` when this process ends, however it ends (Linux). Linux watches the
    thread that forked and not the process: call this from the main thread only.

    Args:
        argv: The program and its arguments.
        env: Its whole environment.
        output: Where its standard output and standard error go.
        dies_by: The signal it gets when this process is gone.
        folder: Its working folder; entered before it becomes `owner`.
        descriptors: Open files that it keeps.
        owner: The user and group it runs as when we are root.

    """
    demoted = owner if os.geteuid() == 0 else None
    uid, gid = demoted or (None, None)
    return Popen(
        argv,
        env=env,
        stdin=DEVNULL,
        stdout=output,
        stderr=output,
        cwd=folder,
        pass_fds=descriptors,
        start_new_session=True,
        user=uid,
        group=gid,
        extra_groups=[] if demoted else None,
        preexec_fn=partial(die_with, os.getpid(), dies_by),  # noqa: PLW1509 - only the main thread forks
    )


def stop(process: Popen[bytes], signum: signal.Signals, *, patience: float) -> None:
    """Ask a child to stop; after `patience` seconds, or when we are interrupted meanwhile, kill it."""
    try:
        process.send_signal(signum)
        with suppress(TimeoutExpired):
            process.wait(patience)
    finally:
        kill(process)


def kill(process: Popen[bytes]) -> None:
    """Kill a child and whatever is left of the processes that it started."""
    # macOS answers EPERM for a group in which only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition: Callable[[], bool], *, patience: float, pause: float = 0.02) -> bool:
    """Look every `pause` seconds whether the condition holds; say whether it did in time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty if there is none, or only its zombie."""
    if not LINUX:
        listing = run(["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listing.stdout.split()
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def last_words(log: Path) -> str:
    """Return the line of a server's log that says why it stopped."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines[-20:] if "FATAL" in line or "error" in line.lower()]
    return (complaints or lines or ["it left no message"])[-1]
