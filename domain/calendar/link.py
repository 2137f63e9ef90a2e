"""A secret link to a student's calendar: whoever has it reads the sessions, and nothing else of theirs."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe

from sqlalchemy.orm import Session

from db.transaction import fetch

SECRET_BYTES = 32
# What `token_urlsafe` makes of so many bytes.
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

KEEP = """
INSERT INTO calendar_links (student_id, organization_id, token_hash, created_at)
VALUES (%(student)s, %(organization)s, %(hash)s, %(at)s)
ON CONFLICT (student_id) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at
"""
WITHDRAW = "DELETE FROM calendar_links WHERE student_id = %(student)s"
WHOSE = "SELECT student_id FROM calendar_links WHERE token_hash = %(hash)s"


def create(session: Session, organization_id: int, student_id: int, *, at: datetime) -> str:
    """Return the secret of a student's new link, which nobody can look up later; the one before ends."""
    secret = token_urlsafe(SECRET_BYTES)
    fetch(session, KEEP, student=student_id, organization=organization_id, hash=_hash(secret), at=at)
    return secret


def withdraw(session: Session, student_id: int) -> None:
    """End a student's link, if there is one."""
    fetch(session, WITHDRAW, student=student_id)


def whose(session: Session, secret: str) -> int | None:
    """Return the id of the student whose link has that secret; None if there is none."""
    if not SECRET.fullmatch(secret):
        return None
    rows = fetch(session, WHOSE, hash=_hash(secret))
    return int(rows[0]["student_id"]) if rows else None


def _hash(secret: str) -> bytes:
    """Return what is kept of a secret: of 256 random bits a plain hash tells nothing."""
    return sha256(secret.encode()).digest()
