"""Who holds a token: the student it names, met for the first time or known, or whom they were merged into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Student
from db.transaction import fetch

# Who was merged into somebody is no guest any more: staff have said whose it is, whoever else has the address.
ADOPT = """
UPDATE students SET external_id = %(external_id)s, name = coalesce(name, %(name)s)
 WHERE organization_id = %(organization_id)s AND external_id IS NULL AND lower(email) = lower(%(email)s)
   AND merged_into IS NULL
   AND NOT EXISTS (SELECT 1 FROM students
                    WHERE organization_id = %(organization_id)s AND external_id = %(external_id)s)
RETURNING id
"""

CREATE = """
INSERT INTO students (organization_id, external_id, email, name, created_at)
VALUES (%(organization_id)s, %(external_id)s, %(email)s, %(name)s, %(at)s)
ON CONFLICT (organization_id, external_id) DO NOTHING
"""


# Who merges them waits for us, or we for them; no other purchase or command does.
SETTLED = "SELECT id, merged_into FROM students WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token says of its holder; `external_id` is the frontend's own name for them."""

    external_id: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None


def find(session: Session, organization_id: int, external_id: str) -> int | None:
    """Return the id of the student of that name, or of whom they were merged into; None if there is none."""
    named = Student.organization_id == organization_id, Student.external_id == external_id
    return session.scalar(select(func.coalesce(Student.merged_into, Student.id)).where(*named))


def settled(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """Return of each student who they are by now: themselves, or whom they were merged into.

    That stays so until the transaction ends.
    """
    rows = fetch(session, SETTLED, ids=list(ids))
    merged = {row["id"]: row["merged_into"] for row in rows if row["merged_into"] is not None}
    # They may have been merged, too, before they were held.
    further = settled(session, set(merged.values())) if merged else {}
    return {row["id"]: row["id"] for row in rows} | {each: further[into] for each, into in merged.items()}


def welcome(session: Session, organization_id: int, identity: Identity, *, at: datetime) -> int:
    """Return the id of the student of that identity: found, adopted from the guests, or created.

    A guest bought by e-mail before they had an account; the first token with that e-mail, if it is
    verified, takes over what they hold. Any number of first requests at once end in one student.
    """
    adopted = _adopt(session, organization_id, identity) if identity.email and identity.email_verified else None
    return adopted or _create(session, organization_id, identity, at)


def _adopt(session: Session, organization_id: int, identity: Identity) -> int | None:
    """Give a guest their name, unless a student of that name exists or appears meanwhile."""
    try:
        with session.begin_nested():
            rows = fetch(session, ADOPT, organization_id=organization_id, **_columns(identity))
    except UniqueViolation:
        return None
    return int(rows[0]["id"]) if rows else None


def _create(session: Session, organization_id: int, identity: Identity, at: datetime) -> int:
    fetch(session, CREATE, organization_id=organization_id, at=at, **_columns(identity))
    # Another request may have created it: then this statement, newer than its commit, sees the row.
    found = find(session, organization_id, identity.external_id)
    assert found is not None  # noqa: S101 - it was there, or is there by now
    return found


def _columns(identity: Identity) -> dict[str, str | None]:
    return {"external_id": identity.external_id, "email": identity.email, "name": identity.name}
