"""A whole stack on a clock that travels: its processes believe what a file says (libfaketime)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cli.token import mint
from tests.stack import PUNCHCARD, ROOT, Stack
from worker import clock

SECRET = "whsec_traveller"
JWT_SECRET = "a secret of the traveller, long enough for HS256"
# Longer than any journey.
LIFETIME = timedelta(days=400)


def library() -> Path | None:
    """Return the library that bends time, where there is one for this machine."""
    found = find_spec("libfaketime")
    place = Path(found.origin).parent if found and found.origin else Path()
    path = place / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    return path if path.exists() else None


class Traveller(Stack):
    """`punchcard up` on servers of the test's, at whatever time it was moved to; from there on it goes as ever."""

    def __init__(self, home: Path, start: datetime, *, database_url: str, broker_url: str) -> None:
        super().__init__(home)
        self._url, self._broker = database_url, broker_url
        self._file = home.parent / "offset"
        self._offset = timedelta()
        self.travel(start)
        self.env |= {
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "JWT_SECRET": JWT_SECRET,
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # The file is read each time, and what is measured is measured by a clock that nobody bends.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def now(self) -> datetime:
        """Return what time it is there."""
        return clock.now() + self._offset

    def travel(self, moment: datetime) -> None:
        """Let it be a moment; whoever asks in between reads the old time or the new one."""
        self._offset = moment - clock.now()
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{self._offset.total_seconds():+.3f}\n")
        unfinished.replace(self._file)

    @contextmanager
    def beside(self, name: str) -> Iterator[None]:
        """Run another process of the stack for a block: a second beat, or a second worker."""
        with (self.home.parent / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([PUNCHCARD, name], cwd=ROOT, env=self.env, stdout=log, stderr=log)
        try:
            yield
            assert process.poll() is None, f"the other {name} ended"
        finally:
            process.terminate()
            process.wait(40)

    @property
    def secret(self) -> str:
        return SECRET

    @property
    def jwt_secret(self) -> str:
        return JWT_SECRET

    @property
    def database_url(self) -> str:
        return self._url

    @property
    def broker_url(self) -> str:
        return self._broker

    def mint(self, role: str = "student", sub: str = "demo-student", org: str = "lumen", **claims: Any) -> str:
        return mint(JWT_SECRET, org=org, role=role, sub=sub, lifetime=LIFETIME, **claims)


@contextmanager
def travelling(home: Path, start: datetime, *, database_url: str, broker_url: str) -> Iterator[Traveller]:
    """Run a stack for a block that begins at a moment."""
    stack = Traveller(home, start, database_url=database_url, broker_url=broker_url)
    try:
        stack.start()
        yield stack
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
