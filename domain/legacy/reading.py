"""Files of old records, CSV or JSON, as rows; whatever is wrong with them is told by file, row and column."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from domain.legacy.fault import Fault, ImportRefused
from domain.legacy.shape import (
    BOOKINGS,
    PACKAGES,
    PROGRESS,
    ROWS,
    STUDENTS,
    ZONE,
    BookingRow,
    PackageRow,
    ProgressRow,
    Row,
    StudentRow,
    columns,
    required,
)

# What one transaction writes in a minute or two.
MAX_ROWS = 50_000
MAX_BYTES = 50_000_000

R = TypeVar("R", bound=Row)
Cells = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Record(Generic[R]):
    """An old record, and where it stands."""

    file: str
    row: int
    said: R


@dataclass(slots=True)
class OldRecords:
    """All that is to be taken over, by kind, each in the order of its file."""

    students: list[Record[StudentRow]] = field(default_factory=list)
    packages: list[Record[PackageRow]] = field(default_factory=list)
    bookings: list[Record[BookingRow]] = field(default_factory=list)
    progress: list[Record[ProgressRow]] = field(default_factory=list)

    def sizes(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        sizes = (len(self.students), len(self.packages), len(self.bookings), len(self.progress))
        return dict(zip(ROWS, sizes, strict=True))


def read(files: Mapping[str, bytes], timezone: str) -> OldRecords:
    """Return the records of files, by their names such as `students.csv`.

    Raises:
        ImportRefused: a file or a row is not what it should be.

    """
    found: dict[str, list[Record[Any]]] = {kind: [] for kind in ROWS}
    faults: list[Fault] = []
    for name, content in sorted(files.items()):
        records, wrong = _read(name, content, timezone)
        found[name.partition(".")[0]] += records
        faults += wrong
    if faults:
        raise ImportRefused(faults)
    return OldRecords(found[STUDENTS], found[PACKAGES], found[BOOKINGS], found[PROGRESS])


class _Unreadable(Exception):
    """A file cannot be read beyond a row."""

    def __init__(self, row: int, why: str, column: str = "") -> None:
        super().__init__(why)
        self.row, self.column = row, column


def _read(name: str, content: bytes, timezone: str) -> tuple[list[Record[Row]], list[Fault]]:
    kind = name.partition(".")[0]
    try:
        rows = list(_csv(content, kind) if name.endswith(".csv") else _json(content))
    except _Unreadable as error:
        return [], [Fault(name, error.row, error.column, str(error))]
    records: list[Record[Row]] = []
    faults: list[Fault] = []
    for number, cells in rows:
        try:
            records.append(Record(name, number, ROWS[kind].model_validate(cells, context={ZONE: timezone})))
        except ValidationError as error:
            faults += _faults(name, number, error)
    return records, [*faults, *_twice(records)]


def _faults(name: str, row: int, error: ValidationError) -> Iterator[Fault]:
    for each in error.errors():
        column = str(each["loc"][0]) if each["loc"] else ""
        why = {"missing": "it is missing", "extra_forbidden": "there is no such column"}.get(each["type"])
        yield Fault(name, row, column, why or each["msg"].removeprefix("Value error, "))


def _twice(records: Iterable[Record[Row]]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for each in records:
        if each.said.legacy_id in first:
            why = f"row {first[each.said.legacy_id]} has this id already"
            yield Fault(each.file, each.row, "legacy_id", why)
        first.setdefault(each.said.legacy_id, each.row)


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _Unreadable(0, f"it has more than {MAX_BYTES} bytes: split it")
    try:
        # Spreadsheets begin a file with a mark of its encoding.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(row, "it is not UTF-8: save it as CSV UTF-8, or JSON") from error


def _csv(content: bytes, kind: str) -> Iterator[Cells]:
    lines = csv.reader(io.StringIO(_text(content), newline=""), strict=True)
    row = 0
    try:
        header = [cell.strip() for cell in next(lines, [])]
        _check_header(header, kind)
        row = 1
        for row, cells in enumerate(lines, start=2):
            if cells:
                _check_width(row, cells, header)
                yield row, {name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()}
    except csv.Error as error:
        raise _Unreadable(row + 1, f"it is not CSV: {error}") from error


def _check_header(header: Sequence[str], kind: str) -> None:
    known = columns(kind)
    if not header:
        raise _Unreadable(1, f"there is no header: its columns are {', '.join(known)}")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise _Unreadable(1, "its columns are not separated by commas: save it with commas")
    for name, count in Counter(header).items():
        if name not in known:
            raise _Unreadable(1, f"there is no such column: there are {', '.join(known)}", name or "(no name)")
        if count > 1:
            raise _Unreadable(1, "the column is there twice", name)
    if missing := [name for name in required(kind) if name not in header]:
        raise _Unreadable(1, "the column is missing", missing[0])


def _check_width(row: int, cells: Sequence[str], header: Sequence[str]) -> None:
    if len(cells) != len(header):
        raise _Unreadable(row, f"it has {len(cells)} cells, and the header {len(header)}: is a quote missing?")
    if row > MAX_ROWS + 1:
        raise _Unreadable(row, f"there are more than {MAX_ROWS} rows: split the file")


def _json(content: bytes) -> Iterator[Cells]:
    try:
        document = json.loads(_text(content))
    except json.JSONDecodeError as error:
        raise _Unreadable(0, f"it is not JSON: line {error.lineno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise _Unreadable(0, "it is not a list of objects") from error
    if not isinstance(document, list):
        raise _Unreadable(0, "it is not a list of objects")
    if len(document) > MAX_ROWS:
        raise _Unreadable(0, f"there are more than {MAX_ROWS} rows: split the file")
    for row, cells in enumerate(document, start=1):
        if not isinstance(cells, dict):
            raise _Unreadable(row, "it is not an object")
        yield row, {name: value for name, value in cells.items() if value is not None}
