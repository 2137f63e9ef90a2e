"""Which organization a slug names."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization


def find(session: Session, slug: str) -> int | None:
    """Return the organization's id; None if nobody has that slug."""
    return session.scalar(select(Organization.id).where(Organization.slug == slug))
