"""Old students found or made: by the frontend's own id, else by their address among those without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import Student
from db.transaction import fetch
from domain.booking.facts import reserve
from domain.legacy.kinds import STUDENT
from domain.legacy.reading import Record
from domain.legacy.shape import StudentRow
from domain.legacy.tally import Books
from domain.student import settled

# The database alone says which addresses are the same: Python folds some letters differently.
FOLDED = "SELECT number, lower(email) AS email FROM unnest(%(emails)s::text[]) WITH ORDINALITY AS said (email, number)"
NAMED = """
SELECT id, external_id AS name FROM students WHERE organization_id = %(organization)s AND external_id = ANY(%(names)s)
"""
GUESTS = """
SELECT id, lower(email) AS name FROM students
 WHERE organization_id = %(organization)s AND external_id IS NULL AND lower(email) = ANY(%(names)s)
"""

Rows = Sequence[Record[StudentRow]]


def take_over(session: Session, books: Books, records: Rows) -> None:
    """Find or make the students of a file, each with a record; those that are found stay as they are.

    Who was merged into another student is that one.
    """
    _settle_known(session, books)
    new = [each for each in records if not books.was_known(each, STUDENT)]
    names = _names(session, new)
    _refuse_twice(books, names)
    _refuse_ahead(books, new)
    books.check()
    found = _find(session, books, names)
    made = _make(session, books, [each for each in new if names[each] not in found])
    now = settled(session, found.values())
    for each in new:
        row = made.get(each.said.legacy_id)
        books.keep(STUDENT, each.said.legacy_id, row if row is not None else now[found[names[each]]])
        books.took(each)


def _settle_known(session: Session, books: Books) -> None:
    """Know the students of earlier imports as who they are by now."""
    known = {key: row for key, row in books.known.items() if key[0] == STUDENT}
    now = settled(session, set(known.values())) if known else {}
    books.known |= {key: now[row] for key, row in known.items() if row in now}


# Whether it is the frontend's id or an address, and which.
Name = tuple[bool, str]


def _names(session: Session, records: Rows) -> dict[Record[StudentRow], Name]:
    """Return by what each student is known; of one who has neither id nor address, nothing."""
    guests = [each for each in records if each.said.external_id is None and each.said.email is not None]
    folded = fetch(session, FOLDED, emails=[each.said.email for each in guests]) if guests else []
    emails = {guests[row["number"] - 1]: row["email"] for row in folded}
    return {
        each: (each.said.external_id is not None, each.said.external_id or emails.get(each, "")) for each in records
    }


def _refuse_twice(books: Books, names: dict[Record[StudentRow], Name]) -> None:
    first: dict[Name, Record[StudentRow]] = {}
    for each, name in names.items():
        is_named, value = name
        if value and name in first:
            column = "external_id" if is_named else "email"
            books.refuse(each, column, f"row {first[name].row} is the same student")
        first.setdefault(name, each)


def _refuse_ahead(books: Books, records: Rows) -> None:
    for each in records:
        if each.said.created_at and each.said.created_at > books.at:
            books.refuse(each, "created_at", "it is still ahead")


def _find(session: Session, books: Books, names: dict[Record[StudentRow], Name]) -> dict[Name, int]:
    return {name: student for is_named in (True, False) for name, student in _known(session, books, names, is_named)}


def _known(
    session: Session,
    books: Books,
    names: dict[Record[StudentRow], Name],
    is_named: bool,  # noqa: FBT001 - which half
) -> Iterator[tuple[Name, int]]:
    wanted = [value for named, value in names.values() if named is is_named and value]
    if wanted:
        statement = NAMED if is_named else GUESTS
        for row in fetch(session, statement, organization=books.organization_id, names=wanted):
            yield (is_named, row["name"]), row["id"]


def _make(session: Session, books: Books, records: Rows) -> dict[str, int]:
    """Make students; return each by their old id."""
    ids = reserve(session, "students", len(records))
    rows = [
        {
            "id": number,
            "organization_id": books.organization_id,
            "external_id": each.said.external_id,
            "email": each.said.email,
            "name": each.said.name,
            "created_at": each.said.created_at or books.at,
        }
        for number, each in zip(ids, records, strict=True)
    ]
    insert(session, Student, rows)
    return {each.said.legacy_id: number for number, each in zip(ids, records, strict=True)}
