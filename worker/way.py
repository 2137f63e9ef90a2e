"""The way on which a batch leaves: how much of it may be sent at the moment, and what goes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Way(Protocol):
    """How rows leave, while a batch of them does."""

    def room(self, most: int) -> int:
        """Return how many may be sent now, `most` or fewer."""

    def asks_again(self) -> bool:
        """Say whether what was tried before goes first."""


class OpenWay:
    """A way on which any number may leave."""

    def room(self, most: int) -> int:
        """Return `most`."""
        return most

    def asks_again(self) -> bool:
        """Say no: there is room for both."""
        return False


@contextmanager
def open_way() -> Iterator[Way]:
    """Send a batch within this block, all of it."""
    yield OpenWay()
