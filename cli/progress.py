"""How far long work is, in one line of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give what tells how far it is, in one line of a terminal that is empty again in the end; else of nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda what: _line(f"{what} …")
    finally:
        _line("")


def _line(text: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{text}")
    sys.stderr.flush()
