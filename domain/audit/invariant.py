"""What an invariant is: a rule, and the question that finds who breaks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold, and a statement that returns `what` for each row where it does not."""

    name: str
    rule: str
    statement: str
