"""What processes cost, read from /proc: CPU seconds of whole trees, of everybody else, and memory."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
# Of the first line of /proc/stat: user, nice, system, irq, softirq and steal; idle and iowait are no work.
WORKING = (1, 2, 3, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU seconds since the start of things, at one moment: of the whole machine, of all of ours, of its parts."""

    at: float
    machine: float
    ours: float
    parts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used between two snapshots: CPU seconds of the parts together, and the cores that others used."""

    seconds: float
    parts: float
    others: float


def snapshot(*parts: int) -> Snapshot:
    """Read what some trees of processes, given by their roots, have used by now.

    What a process that ended had used is counted by the parent that waited for it.
    """
    parents = _parents()
    trees = tuple(_used(root, parents) for root in parts)
    return Snapshot(time.monotonic(), _machine(), _used(os.getpid(), parents), trees)


def between(before: Snapshot, after: Snapshot) -> Spent:
    """Return what was used from one snapshot to the next."""
    seconds = after.at - before.at
    others = (after.machine - before.machine) - (after.ours - before.ours)
    return Spent(seconds, sum(after.parts) - sum(before.parts), max(others, 0.0) / seconds)


def _used(root: int, children: dict[int, list[int]]) -> float:
    return sum(_cpu(pid) for pid in _below(root, children, set()))


def memory(root: int, *, without: str) -> float:
    """Return the MiB that a tree of processes holds, but for those of a name.

    PSS: a page that three processes share counts a third for each.
    """
    parents = _parents()
    others = {pid for children in parents.values() for pid in children if _name(pid) == without}
    return sum(_pss(pid) for pid in _below(root, parents, others)) / 1024


def _name(pid: int) -> str:
    with suppress(OSError):
        return (PROC / str(pid) / "comm").read_text().strip()
    return ""


def _parents() -> dict[int, list[int]]:
    """Return the children of each process."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
    return children


def _below(root: int, children: dict[int, list[int]], others: set[int]) -> Iterator[int]:
    """Yield a process and those below it, but for trees of their own."""
    yield root
    for child in children.get(root, ()):
        if child not in others:
            yield from _below(child, children, others)


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name of a process: its state first, then its parent."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of those that it waited for."""
    with suppress(OSError):
        return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICKS
    return 0.0


def _machine() -> float:
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()
    return sum(int(fields[place]) for place in WORKING) / TICKS


def _pss(pid: int) -> int:
    """Return the KiB of a process."""
    with suppress(OSError):
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0
