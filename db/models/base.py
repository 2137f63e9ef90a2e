"""What every table shares: names of constraints, column kinds, the inbox and outbox columns."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB, UUID, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Longest text that a caller may put into one field; longer is refused before it reaches a table.
MAX_TEXT = 500


class Base(DeclarativeBase):
    """The parent of all models; times are timestamps with a zone, JSON is jsonb."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        int: BigInteger,
        str: Text,
    }


def identity() -> Mapped[int]:
    """Return a generated bigint primary key."""
    return mapped_column(BigInteger, Identity(), primary_key=True)


def reference(table: str, *, index: bool = False, nullable: bool = False) -> Mapped[Any]:
    """Return a foreign key to another table's id; a row that is referred to cannot be deleted."""
    return mapped_column(BigInteger, ForeignKey(f"{table}.id"), index=index, nullable=nullable)


def same_owner(table: str, column: str) -> ForeignKeyConstraint:
    """Return the foreign key to another table's row of the same organization: rows of two never hang together."""
    return ForeignKeyConstraint([column, "organization_id"], [f"{table}.id", f"{table}.organization_id"])


def owned() -> UniqueConstraint:
    """Return the unique key that `same_owner` refers to."""
    return UniqueConstraint("id", "organization_id")


def choice(enum: type[StrEnum], name: str) -> EnumType:
    """Return a text column type that holds one of an enum's values, checked by the database."""
    return EnumType(
        enum,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )


class InboxMixin:
    """A row that says work has come in: due, tried, and finished or parked with a reason.

    A row is claimed by its row lock alone. `sweeps` counts how often the sweeper met the row at the
    head of the queue, due and unlocked: a row that kills its process cannot count its own attempt.
    """

    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    sweeps: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    error_code: Mapped[str | None]
    last_error: Mapped[str | None]
    received_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DeliveryStatus(StrEnum):
    """Where a row of an outbox stands; PARKED needs a person, VOID was no longer true when it was to leave."""

    PENDING = "PENDING"
    SENT = "SENT"
    PARKED = "PARKED"
    VOID = "VOID"


class OutboxMixin:
    """A row that says something must leave: sent under a lease, with an id that stays the same.

    The lease is taken in a transaction of its own and measured by the database's clock, so that a
    worker whose own clock jumps takes nobody's work away. Only who holds `lease_token` may mark it.
    `crashes` counts leases that ended with nobody there: a row that kills its relay cannot say so.
    """

    message_id: Mapped[str] = mapped_column(UUID(as_uuid=False))
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    crashes: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    lease_token: Mapped[str | None] = mapped_column(UUID(as_uuid=False))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


def due_index(table: str, pending: str) -> Index:
    """Return the partial index that claims and sweeps read: what is unfinished, oldest due first."""
    return Index(f"ix_{table}_due", "due_at", "id", postgresql_where=f"status = '{pending}'")


def parked_index(table: str) -> Index:
    """Return the partial index of what waits for a person."""
    return Index(f"ix_{table}_parked", "id", postgresql_where="status = 'PARKED'")


def positive(column: str) -> CheckConstraint:
    """Return the check that a number is above zero."""
    return CheckConstraint(f"{column} > 0", name=f"{column}_positive")


def not_negative(column: str) -> CheckConstraint:
    """Return the check that a number is zero or above."""
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


def never_at_once(name: str, column: str, *, where: str) -> ExcludeConstraint:
    """Return the constraint that what `column` names is never in two spans of [start_at, end_at) at once.

    The id as a range of one, so that PostgreSQL needs no extension for it.
    """
    return ExcludeConstraint(
        (text(f"int8range({column}, {column}, '[]')"), "&&"),
        (text("tstzrange(start_at, end_at)"), "&&"),
        name=name,
        using="gist",
        where=text(where),
    )
