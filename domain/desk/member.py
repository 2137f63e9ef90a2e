"""The student at the desk: known by the frontend's own name for them, or made because an address was named."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain import student
from domain.desk.redeem_command import Redeem
from domain.errors import NotFound
from domain.mail.unsent import retry_unsent
from domain.purchase.holder import Holder, lock_holders
from domain.student import Identity

# What a student's token did not say, the desk may know.
COMPLETE = """
UPDATE students SET email = coalesce(email, %(email)s), name = coalesce(name, %(name)s) WHERE id = %(id)s
"""


def held(session: Session, command: Redeem, *, at: datetime) -> Holder:
    """Return the student of a command, locked; who is not known is made if the command has their address.

    Raises:
        NotFound: nobody has that name, and there is no address.

    """
    student_id = command.student_id or _found(session, command) or _made(session, command, at=at)
    holder = _locked(session, student_id, at=at)
    if command.email and not holder.has_email:
        fetch(session, COMPLETE, id=holder.id, email=command.email, name=command.name)
        retry_unsent(session, [holder.id], at=at)
    return holder


def _locked(session: Session, student_id: int, *, at: datetime) -> Holder:
    """Lock a student, or whom they were merged into since the command was accepted."""
    settled = student.settled(session, [student_id])[student_id]
    return lock_holders(session, [settled], at=at)[settled]


def _found(session: Session, command: Redeem) -> int | None:
    return student.find(session, command.organization_id, command.member_id) if command.member_id else None


def _made(session: Session, command: Redeem, *, at: datetime) -> int:
    if not command.member_id or not command.email:
        raise NotFound("There is no student of this id: send `email` to have one made.")
    # Nobody has verified the address: whoever bought with it as a guest is not adopted.
    identity = Identity(command.member_id, command.email, email_verified=False, name=command.name)
    return student.welcome(session, command.organization_id, identity, at=at)
