"""`make chaos SEED=…`: the long storm, and its report."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.storm import Storm
from tests.stack import running


def main() -> int:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    seconds = float(os.environ.get("SECONDS") or 600)
    print(f"seed {seed}, {seconds:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="punchcard-chaos-") as folder, running(Path(folder) / "home") as stack:
        report = Storm(stack, seed=seed, seconds=seconds, restart_every=60).run()
    print(report.lines())
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
