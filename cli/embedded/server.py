"""What the embedded servers have in common: they run inside a `with`, each on one folder of its own."""

from __future__ import annotations

import shutil
import signal
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Self

from cli.embedded.folders import runtime_folder
from cli.embedded.process import StartError, last_words, stop


class EmbeddedServer(ABC):
    """A server with its data in one folder and its log beside that; it serves from entry to exit."""

    name: str
    stop_signal: signal.Signals
    stop_patience: float
    process: Popen[bytes]

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()
        self.log = self.data.with_name(f"{self.data.name}.log")
        self.runtime = runtime_folder(self.data)

    def __enter__(self) -> Self:
        """Start the server and wait until it serves."""
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.runtime, ignore_errors=True)
            self.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.prepare()
            self.launch()
            undo.callback(self._stop)
            self.wait_until_ready()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server; the data stay."""
        self._undo.close()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the server is."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server needs before its first start of this run."""

    @abstractmethod
    def launch(self) -> Popen[bytes]:
        """Start the server without waiting for it, the first time or after it died."""

    @abstractmethod
    def wait_until_ready(self) -> None:
        """Return when the server serves; raise a StartError if it cannot."""

    def failure(self, what: str) -> StartError:
        """Make the error that says what happened, why, and where to read more."""
        return StartError(f"the embedded {self.name} {what}: {last_words(self.log)} (its log: {self.log})")

    def _stop(self) -> None:
        stop(self.process, self.stop_signal, patience=self.stop_patience)
