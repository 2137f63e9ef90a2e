"""Leave a server alone that does not serve, for growing times; who asks first afterwards finds out for all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from mmap import mmap
from struct import Struct

# Refusals of one message each that are still those messages' own affair; as many in a row are the server's.
TOLERATED = 3
# In seconds, doubled with each failure.
FIRST_WAIT = 2.0
LONGEST_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class _State:
    """Failures in a row of one server, and when it was last left alone or asked, on the machine's clock."""

    failures: int = 0
    since: float = 0.0


class Breaker:
    """What is known of one server, shared with all processes that are forked from this one.

    It is left alone for `longest` seconds at the most. Two that write at the same moment lose one failure of two,
    which costs a little more patience.
    """

    _form = Struct("32sqd")

    def __init__(self, longest: float = LONGEST_WAIT) -> None:
        self.longest = longest
        self._memory = mmap(-1, self._form.size)

    def failures(self, server: str) -> int:
        """Return how often a server failed since it last served."""
        return self.read(server).failures

    def served(self, server: str) -> None:
        """Note that a server serves."""
        if self.read(server).failures:
            self.write(server, _State())

    def refused(self, server: str) -> None:
        """Note that a server did not want a message now; several in a row count as a failure."""
        self.write(server, _State(self.read(server).failures + 1, time.monotonic()))

    def failed(self, server: str) -> float:
        """Note that a server does not serve; return for how many seconds it is left alone."""
        failures = max(self.read(server).failures + 1, TOLERATED)
        self.write(server, _State(failures, time.monotonic()))
        return wait(failures, self.longest)

    def left_alone(self, server: str) -> float:
        """Return for how many seconds from now a server is left alone."""
        state = self.read(server)
        since = time.monotonic() - state.since
        # A clock that went back, as in a test that travels, ends the wait.
        if state.failures < TOLERATED or since < 0:
            return 0.0
        return max(wait(state.failures, self.longest) - since, 0.0)

    def read(self, server: str) -> _State:
        """Return what is known of a server."""
        about, failures, since = self._form.unpack_from(self._memory)
        return _State(failures, since) if about == _digest(server) else _State()

    def write(self, server: str, state: _State) -> None:
        """Keep what is known of a server, and forget any other."""
        self._form.pack_into(self._memory, 0, _digest(server), state.failures, state.since)


class Turn:
    """A batch's turn with a server: says how much of it may be sent now."""

    def __init__(self, breaker: Breaker, server: str) -> None:
        self._breaker = breaker
        self._server = server
        self._found: _State | None = None

    def room(self, most: int) -> int:
        """Return how many may be sent: `most`, none while the server is left alone, or one to find out."""
        state = self._breaker.read(self._server)
        if state.failures < TOLERATED:
            return most
        if self._found is not None and self._found.failures == state.failures:
            return min(1, most)
        # A clock that went back, as in a test that travels, ends the wait.
        if 0 <= time.monotonic() - state.since < wait(state.failures, self._breaker.longest):
            return 0
        self._found = state
        # Others wait for what is found out.
        self._breaker.write(self._server, _State(state.failures, time.monotonic()))
        return min(1, most)

    def asks_again(self) -> bool:
        """Say whether who finds out should have asked before: every other one, the first time so.

        Some servers take only who asks twice, and some mails are never taken.
        """
        beyond = self._breaker.failures(self._server) - TOLERATED
        return beyond >= 0 and beyond % 2 == 0

    def end(self) -> None:
        """End the turn; where there was nothing to find out with, the next one may."""
        if self._found is not None and self._found.failures == self._breaker.failures(self._server):
            self._breaker.write(self._server, self._found)


def wait(failures: int, longest: float = LONGEST_WAIT) -> float:
    """Return for how many seconds a server is left alone after so many failures in a row."""
    return float(min(FIRST_WAIT * 2 ** max(min(failures - TOLERATED, 16), 0), longest))


def _digest(server: str) -> bytes:
    return sha256(server.encode()).digest()
