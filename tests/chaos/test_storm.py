"""A short storm; `make chaos` runs the long one."""

from __future__ import annotations

import os
from pathlib import Path

from tests.chaos.storm import Storm
from tests.stack import running

SECONDS = 18
KINDS = {
    "killed gateway",
    "killed worker",
    "killed beat",
    "killed broker",
    "killed database",
    "flushed broker",
    "froze broker",
    "froze a worker's child",
    "ended all sessions",
}


def test_nothing_is_lost_or_doubled_while_everything_dies(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "1"))
    with running(tmp_path / "home") as stack:
        report = Storm(stack, seed=seed, seconds=SECONDS, restart_every=13).run()
        print(report.lines())

    assert report.acknowledged > SECONDS
    assert report.bookings.accepted > SECONDS
    assert report.faults.keys() >= KINDS
    assert (report.given_up, report.lost, report.doubled, report.audit) == ([], [], [], "")
    assert report.bookings.faults == []
    assert report.is_clean
