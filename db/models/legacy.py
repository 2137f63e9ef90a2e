"""What came from the systems that Punchcard replaces."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from db.models.base import Base, identity, reference


class LegacyRecord(Base):
    """An old record that was taken over, and the row that it became.

    Unique (organization, `kind`, `legacy_id`): whoever imports twice finds what is there. `row_id` is the id in the
    table that the kind stands for.
    """

    __tablename__ = "legacy_records"
    __table_args__ = (UniqueConstraint("organization_id", "kind", "legacy_id"),)

    id: Mapped[int] = identity()
    organization_id: Mapped[int] = reference("organizations")
    kind: Mapped[str]
    legacy_id: Mapped[str]
    row_id: Mapped[int]
    imported_at: Mapped[datetime]
