"""The requests of a guide pasted into a shell, with a whole stack to answer them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stack import PUNCHCARD, ROOT, Stack

SHELL, CURL = shutil.which("bash"), shutil.which("curl")
needs_a_shell = pytest.mark.skipif(not (SHELL and CURL), reason="the guide is for a shell with curl")
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a request is refused with, as the guide says behind it.
REFUSED = re.compile(r"# (\d{3}) (\w+)$", re.MULTILINE)
DONE = {"200", "201"}
# Each request says on the way what it was answered with.
WATCHED = """set -eu
curl() { command curl "$@" -w '%{stderr}%{http_code}\\n'; }
"""


def paste(stack: Stack, guide: str, folder: Path, *, first: str = "") -> None:
    """Do what a guide asks for, in its order, from a folder that has its examples; see that it is answered as it says.

    `first` is pasted before it.
    """
    blocks = "\n".join(BLOCK.findall(guide))
    script = (
        (WATCHED + first + blocks).replace(":8000", f":{stack.port}").replace(".venv/bin/punchcard", str(PUNCHCARD))
    )
    (folder / "examples").symlink_to(ROOT / "examples")
    asked = [SHELL or "", "-c", script]
    done = subprocess.run(asked, check=False, cwd=folder, env=stack.env, capture_output=True, text=True, timeout=60)

    refused = REFUSED.findall(blocks)
    assert done.returncode == 0, done.stderr
    problems = [line for line in done.stdout.splitlines() if '"retryable"' in line]
    answered = [each for each in done.stderr.split() if each not in DONE]
    assert answered == [status for status, _ in refused], problems
    # A guide may end with a list of all that was refused.
    told = re.findall(r'"code": ?"(\w+)", ?"retryable"', done.stdout)
    assert told[: len(refused)] == [code for _, code in refused]
