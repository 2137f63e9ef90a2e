"""Sessions made for one student, of a class that each teacher has for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import ClassSession, GroupClass, ServiceType, SessionStatus
from db.transaction import fetch
from domain.booking.outgoing import Row

# What such a session is called, and its class; no catalog can give a class this code.
CANCELLED, SCHEDULED = SessionStatus.CANCELLED, SessionStatus.SCHEDULED
NAME = "Private session"
CODE = "private:{}"

END = "UPDATE class_sessions SET status = 'CANCELLED' WHERE id = ANY(%(ids)s) AND status = 'SCHEDULED'"
CLASSES = "SELECT id, code FROM group_classes WHERE organization_id = ANY(%(organizations)s) AND code = ANY(%(codes)s)"


def end_sessions(session: Session, ids: Collection[int]) -> None:
    """Call off sessions whose only student will not come: their teachers are free."""
    if ids:
        fetch(session, END, ids=sorted(ids))


def insert_arranged(session: Session, rows: Sequence[Row], ended: Collection[int]) -> None:
    """Insert sessions, some of them ended by now, each of its teacher's class, which is made with the first of them."""
    if not rows:
        return
    codes = [CODE.format(row["teacher_id"]) for row in rows]
    classes = {code: _class(row, code) for row, code in zip(rows, codes, strict=True)}
    insert(session, GroupClass, list(classes.values()), conflict="(code, organization_id) DO NOTHING")
    organizations = list({row["organization_id"] for row in rows})
    ids = {row["code"]: row["id"] for row in fetch(session, CLASSES, organizations=organizations, codes=codes)}
    status = {row["id"]: CANCELLED if row["id"] in ended else SCHEDULED for row in rows}
    arranged = [
        row | {"group_class_id": ids[code], "status": status[row["id"]].value}
        for row, code in zip(rows, codes, strict=True)
    ]
    insert(session, ClassSession, arranged)


def _class(row: Row, code: str) -> Row:
    return {
        "organization_id": row["organization_id"],
        "code": code,
        "name": NAME,
        "service_type": ServiceType.PRIVATE.value,
        "capacity": 1,
        "minutes": (row["end_at"] - row["start_at"]) // timedelta(minutes=1),
        "teacher_id": row["teacher_id"],
        # Nobody plans sessions of it.
        "active": False,
        "created_at": row["created_at"],
    }
