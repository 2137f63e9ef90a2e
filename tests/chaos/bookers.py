"""Students who book, change and cancel over HTTP while something happens: each command until an answer to it came."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.crew import PATIENCE
from tests.patron import Patron
from tests.stack import NO_ANSWER, Reply, Stack, send, wait_for

PAUSE = 0.02
# How many commands show that students get on with their work.
SOME = 25


class GivenUp(Exception):
    """A command was not accepted, or has no outcome, however often it was sent."""


@dataclass
class Sent:
    """A command under a key of its own, the jobs that its answers named, and its last answer."""

    key: str
    kind: str
    method: str
    path: str
    said: dict[str, Any] | None
    jobs: set[int] = field(default_factory=set)
    reply: Reply | None = None

    @property
    def is_over(self) -> bool:
        return self.reply is not None and self.reply.status != 202


@dataclass
class Booker:
    """A student at a gateway, who does one thing after the other; sometimes several without waiting for an outcome."""

    port: int
    token: str
    name: str
    sessions: Sequence[int]
    patience: float = PATIENCE
    sent: list[Sent] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    holds: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.name} {len(self.sessions)}")

    @property
    def done(self) -> int:
        return sum(each.is_over for each in self.sent)

    def step(self) -> None:
        """Do whatever comes to mind."""
        roll = self._chance.random()
        if self.holds and roll < 0.3:
            self._perform(self._cancel())
        elif self.holds and roll < 0.6:
            self._perform(self._change())
        elif roll < 0.8:
            self._perform(self._book())
        else:
            # In this order they are accepted, and in this order they take effect.
            hasty = [self._book() for _ in range(3)]
            for command in hasty:
                self._send(command, Prefer="respond-async")
            for command in hasty:
                self._perform(command, new=False)

    def repeat(self) -> list[Sent]:
        """Send everything once more; return what was not answered exactly as before."""
        return [command for command in self.sent if not self._is_repeated(command)]

    def _is_repeated(self, command: Sent) -> bool:
        before = command.reply
        again = self._send(command, new=False)
        same = before is not None and (again.status, again.content) == (before.status, before.content)
        return same and again.headers["Idempotent-Replayed"] == "true" and len(command.jobs) == 1

    def _book(self) -> Sent:
        return self._command("booking.book", "POST", "/api/bookings", {"sessionId": self._chance.choice(self.sessions)})

    def _change(self) -> Sent:
        path = f"/api/bookings/{self._chance.choice(list(self.holds))}/change"
        return self._command("booking.change", "POST", path, {"sessionId": self._chance.choice(self.sessions)})

    def _cancel(self) -> Sent:
        return self._command("booking.cancel", "DELETE", f"/api/bookings/{self._chance.choice(list(self.holds))}", None)

    def _command(self, kind: str, method: str, path: str, said: dict[str, Any] | None) -> Sent:
        return Sent(f"{self.name}-{self._chance.getrandbits(64):x}", kind, method, path, said)

    def _perform(self, command: Sent, *, new: bool = True) -> None:
        """Send a command until it has an outcome."""
        end = time.monotonic() + self.patience
        while not self._send(command, new=new) or not command.is_over:
            new = False
            if time.monotonic() > end:
                raise GivenUp(command.key)
        self._learn(command)

    def _send(self, command: Sent, *, new: bool = True, **headers: str) -> Reply:
        """Send a command until it is accepted."""
        if new:
            self.sent.append(command)
        end = time.monotonic() + self.patience
        while (reply := self._attempt(command, headers)) is None or reply.job is None:
            if time.monotonic() > end:
                raise GivenUp(command.key)
            time.sleep(5 * PAUSE)
        command.jobs.add(reply.job)
        command.reply = reply
        return reply

    def _attempt(self, command: Sent, headers: dict[str, str]) -> Reply | None:
        """Send a command once; None where no whole answer came."""
        named = {"Idempotency_Key": f'"{command.key}"', **headers}
        try:
            reply = send(self.port, command.method, command.path, command.said, self.token, **named)
        except NO_ANSWER:
            self.answers[0] += 1
            return None
        self.answers[reply.status] += 1
        return reply

    def _learn(self, command: Sent) -> None:
        """Note what is held by now."""
        assert command.reply
        if command.reply.code != "done":
            return
        booking = command.reply.said["booking"]
        if command.kind != "booking.book":
            del self.holds[int(command.path.split("/")[3])]
        if command.kind != "booking.cancel":
            self.holds[booking["id"]] = booking["sessionId"]


def patrons(stack: Stack, name: str, number: int, *, patience: float = PATIENCE) -> list[Booker]:
    """Return students of a whole stack, who share a few group sessions and private lessons."""
    everybody = [Patron(stack, f"patron-{name}-{each}", "thrive") for each in range(number)]
    for each in everybody:
        each.buys("BUNDLE-5P-3G")
    days = [(day, service) for day in (5, 6) for service in ("GROUP", "PRIVATE")]
    shared = [each["sessionId"] for day, service in days for each in everybody[0].calendar(day, service)]
    return [Booker(stack.port, each.token, each.name, shared, patience) for each in everybody]


def progress(bookers: Sequence[Booker]) -> None:
    """Wait until students have got on with their work."""
    before = sum(each.done for each in bookers)
    wait_for(lambda: sum(each.done for each in bookers) > before + SOME, seconds=PATIENCE, what="more outcomes")


@contextmanager
def busy(bookers: Sequence[Booker]) -> Iterator[None]:
    """Let students book for a block; at its end every command has an outcome."""
    over, failures = threading.Event(), list[BaseException]()

    def run(booker: Booker) -> None:
        try:
            while not over.wait(PAUSE):
                booker.step()
        except BaseException as error:  # noqa: BLE001 - told to who waits for this thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in bookers]
    for thread in threads:
        thread.start()
    try:
        progress(bookers)
        yield
        progress(bookers)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
