"""The whole vocabulary of a handler: what became of a row of the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from domain.redaction import redact


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a row; `code` and `reason` say why where it is not finished.

    `waits_for` names what would bring it back: `payment:pi_…`, `product:CODE`. A reason is read in
    lists and logs: what an event says in the place of a name is hidden in it where it could be a secret.
    """

    code: str | None = None
    reason: str | None = None
    waits_for: str | None = None
    status: ClassVar[str]

    def __post_init__(self) -> None:
        """Hide in the reason what nobody should read there."""
        if self.reason is not None:
            object.__setattr__(self, "reason", redact(self.reason))


class Done(Verdict):
    """Its effects are in this transaction."""

    status = "PROCESSED"


@dataclass(frozen=True, slots=True)
class Answered(Verdict):
    """A command was done; `result` is what its caller is told."""

    result: dict[str, Any] | None = None
    status = "SUCCEEDED"


class Awaited(Verdict):
    """A command was begun; Stripe says what becomes of it."""

    status = "RUNNING"


@dataclass(frozen=True, slots=True)
class Refused(Verdict):
    """The rules say no to a command; that is final.

    `reason` is what its caller is told, `field` what it is about, `more` what a program is told besides.
    """

    field: str | None = None
    more: Mapping[str, Any] | None = None
    status = "FAILED"


class Forgotten(Done):
    """Done; and of what it said only the hash is kept, since it is about somebody who was erased."""


class Ignored(Verdict):
    """It says nothing to us."""

    status = "IGNORED"


class Parked(Verdict):
    """A person, or a new catalog, must mend something first."""

    status = "FAILED"


class Quarantined(Verdict):
    """It may not act: wrong mode, unknown account, or nobody's for three days."""

    status = "QUARANTINED"


class Later(Verdict):
    """A fact has not arrived; it is looked at again by and by, at once when what it waits for arrives."""

    status = "RECEIVED"


class Unmatched(Later):
    """Two things that Stripe says do not agree yet; where they do not in time, a person must look."""


class Asking(Later):
    """We ask for the fact ourselves: however old the row is, it is not given up."""
