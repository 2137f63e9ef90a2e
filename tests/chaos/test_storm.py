"""A short storm; `make chaos` runs the long one."""

from __future__ import annotations

import os
from pathlib import Path

from tests.chaos.storm import Storm
from tests.stack import running

SECONDS = 40


def test_nothing_is_lost_or_doubled_while_everything_dies(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "1"))
    with running(tmp_path / "home") as stack:
        report = Storm(stack, seed=seed, seconds=SECONDS, restart_every=15).run()
        print(report.lines())

    assert report.acknowledged > SECONDS
    assert report.faults.total() > SECONDS
    assert report.lost == []
    assert report.doubled == []
    assert report.audit == ""
