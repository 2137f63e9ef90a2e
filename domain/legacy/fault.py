"""What is wrong with old records: where it stands, and why. One fault anywhere, and nothing is taken over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import DomainError


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Why a row is refused. Rows of CSV count from its header, which is 1; those of a list in JSON from 1."""

    file: str
    row: int
    column: str
    why: str

    def __str__(self) -> str:
        """Return it as one line."""
        place = f"{self.file}, row {self.row}" if self.row else self.file
        return f"{place}, {self.column}: {self.why}" if self.column else f"{place}: {self.why}"


class ImportRefused(DomainError):
    """Some rows cannot be taken over as they are; nothing was."""

    code = "validation_failed"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, sorted(faults))))
        self.faults = sorted(faults)
