"""What applying a document changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Changes:
    """What was not so before, by name; `taken_up` counts the parked events that are due again."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    taken_up: int = 0

    def note(self, name: str, *, is_new: bool) -> None:
        """Add a name, once."""
        names = self.created if is_new else self.updated
        if name not in self.created and name not in names:
            names.append(name)


def settle(row: object, values: Mapping[str, Any], name: str, changes: Changes, *, is_new: bool) -> None:
    """Give a row its values; note whether it is new or different."""
    different = {key: value for key, value in values.items() if getattr(row, key) != value}
    for key, value in different.items():
        setattr(row, key, value)
    if is_new or different:
        changes.note(name, is_new=is_new)
