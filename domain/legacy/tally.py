"""What becomes of old records while they are taken over: counted, remembered, and listed where a person is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import LegacyRecord
from db.transaction import fetch
from domain.legacy.fault import Fault, ImportRefused
from domain.legacy.kinds import unnamed
from domain.legacy.reading import Record
from domain.legacy.shape import ROWS

KNOWN = "SELECT kind, legacy_id, row_id FROM legacy_records WHERE organization_id = %(organization)s"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An old record that is not in the calendar or the ledger as it was, and why; a person may have to see to it."""

    file: str
    row: int
    legacy_id: str
    why: str


@dataclass(slots=True)
class Tally:
    """How many records of a file became what; each is one of these."""

    kind: str
    in_file: int = 0
    known: int = 0
    taken_over: int = 0
    not_mappable: int = 0
    left_out: int = 0
    refused: int = 0


@dataclass(slots=True)
class Books:
    """The books of one import: what was known before it, what it takes over, and what it cannot."""

    organization_id: int
    timezone: str
    at: datetime
    known: dict[tuple[str, str], int] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=lambda: {kind: Tally(kind) for kind in ROWS})
    faults: list[Fault] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    new: dict[tuple[str, str], int] = field(default_factory=dict)

    def find(self, kind: str, legacy_id: str) -> int | None:
        """Return the row that an old record became, now or before."""
        return self.new.get((kind, legacy_id), self._before(kind, legacy_id))

    def was_known(self, record: Record[Any], *kinds: str, name: str | None = None) -> bool:
        """Say whether a record was taken over before, as one of some kinds, and count it if it was."""
        found = any(self._before(kind, name or record.said.legacy_id) is not None for kind in kinds)
        if found:
            self._tally(record).known += 1
        return found

    def keep(self, kind: str, legacy_id: str, row_id: int) -> None:
        """Remember the row that an old record became."""
        self.new[kind, legacy_id] = row_id

    def took(self, record: Record[Any]) -> None:
        """Count a record that was taken over."""
        self._tally(record).taken_over += 1

    def leave_out(self, record: Record[Any]) -> None:
        """Count a record that gives nothing: a cancelled booking."""
        self._tally(record).left_out += 1

    def cannot_map(self, record: Record[Any], why: str) -> None:
        """List a record that cannot be taken over as it was."""
        self._tally(record).not_mappable += 1
        self.unmapped.append(Unmapped(record.file, record.row, record.said.legacy_id, why))

    def refuse(self, record: Record[Any], column: str, why: str) -> None:
        """Note a record that must be mended before anything is taken over."""
        self.faults.append(Fault(record.file, record.row, column, why))

    def check(self) -> None:
        """Stop where something was refused.

        Raises:
            ImportRefused: something was.

        """
        if self.faults:
            raise ImportRefused(self.faults)

    def _before(self, kind: str, legacy_id: str) -> int | None:
        """Return the row that an old record became before; of a student who was erased, too."""
        return self.known.get((kind, legacy_id), self.known.get((kind, unnamed(legacy_id))))

    def _tally(self, record: Record[Any]) -> Tally:
        return self.tallies[record.file.partition(".")[0]]


def open_books(session: Session, organization_id: int, timezone: str, *, at: datetime) -> Books:
    """Return books that know all that was taken over before."""
    rows = fetch(session, KNOWN, organization=organization_id)
    known = {(row["kind"], row["legacy_id"]): row["row_id"] for row in rows}
    return Books(organization_id, timezone, at, known)


def write_records(session: Session, books: Books) -> None:
    """Write which row each old record became."""
    owner = {"organization_id": books.organization_id, "imported_at": books.at}
    rows = [owner | {"kind": kind, "legacy_id": name, "row_id": row} for (kind, name), row in books.new.items()]
    insert(session, LegacyRecord, rows)
