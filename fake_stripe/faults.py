"""Misbehaviour on demand: for the next calls of a path, what Stripe and the network do on bad days."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from threading import Event, Lock

from fake_stripe.error import Hangup, Refused
from fake_stripe.forms import Params
from fake_stripe.store import Json

LONGEST_SECONDS = 30
BUSY = "This object cannot be accessed right now because another API request is currently accessing it."
MAY_NOT = "The provided key 'sk_fake_***' does not have the required permissions for this endpoint."
# What each does; those in the first group leave everything undone and keep no answer.
KINDS = {
    "timeout_before": "does nothing and does not answer",
    "reset": "does nothing and cuts the connection",
    "503": "does nothing and says so",
    "429": "refuses, with Retry-After",
    "409": "refuses with lock_timeout",
    "403": "refuses the key, which may not do that",
    "500": "begins, fails, and keeps that answer under the idempotency key, as Stripe does",
    "slow": "holds the idempotency key for a while, then does it and answers",
    "timeout_after": "does it and does not answer",
    "reset_after": "does it and cuts the connection",
}


@dataclass
class Fault:
    """What happens to the next `times` calls whose method and path begin so."""

    kind: str
    method: str = ""
    path: str = ""
    times: int = 1
    seconds: int = LONGEST_SECONDS
    retry_after: int = 1

    def before(self, stopping: Event) -> None:
        """Misbehave before anything is looked at."""
        if self.kind == "timeout_before":
            stopping.wait(self.seconds)
        if self.kind in {"timeout_before", "reset"}:
            raise Hangup(reset=self.kind == "reset")
        if self.kind == "503":
            raise Refused("Stripe is away.", status=503, kind="api_error")
        if self.kind == "429":
            headers = {"Retry-After": str(self.retry_after)}
            raise Refused("Too many requests.", status=429, code="rate_limit", headers=headers)
        if self.kind == "409":
            raise Refused(BUSY, status=409, code="lock_timeout")
        if self.kind == "403":
            raise Refused(MAY_NOT, status=403)

    def within(self, stopping: Event) -> None:
        """Misbehave while the idempotency key is held."""
        if self.kind == "slow":
            stopping.wait(self.seconds)
        if self.kind == "500":
            raise Refused("An unknown error occurred.", status=500, kind="api_error", kept=True)

    def after(self, stopping: Event) -> None:
        """Misbehave when everything is done."""
        if self.kind == "timeout_after":
            stopping.wait(self.seconds)
        if self.kind in {"timeout_after", "reset_after"}:
            raise Hangup(reset=self.kind == "reset_after")


NONE = Fault("none")


class Faults:
    """The faults that are still to happen, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def add(self, said: Params) -> Fault:
        """Add a fault as it was asked for."""
        fault = Fault(
            kind=str(said.choice("kind", KINDS, said.required("kind"))),
            method=(said.text("method") or "").upper(),
            path=said.text("path") or "",
            times=said.integer("times", least=1, most=1_000) or 1,
            seconds=_or(said.integer("seconds", most=LONGEST_SECONDS), LONGEST_SECONDS),
            retry_after=_or(said.integer("retry_after", most=3_600), 1),
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault:
        """Return what happens to this call, and count it."""
        with self._lock:
            for fault in self._faults:
                if method.startswith(fault.method) and path.startswith(fault.path):
                    fault.times -= 1
                    self._faults = [each for each in self._faults if each.times]
                    return fault
        return NONE

    def listed(self) -> list[Json]:
        """Return the faults that are left."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Behave."""
        with self._lock:
            self._faults = []


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value
