"""What the database refuses, told as what the rules refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.errors import DomainError


@contextmanager
def told(session: Session, refusals: Mapping[str, DomainError]) -> Iterator[None]:
    """Run a block and flush; a constraint that this violates is raised as the error named for it."""
    try:
        yield
        session.flush()
    except (IntegrityError, psycopg.IntegrityError) as error:
        refusal = refusals.get(_constraint(error))
        if refusal is None:
            raise
        raise refusal from error


def _constraint(error: IntegrityError | psycopg.IntegrityError) -> str:
    cause = error.orig if isinstance(error, IntegrityError) else error
    return cause.diag.constraint_name or "" if isinstance(cause, psycopg.Error) else ""
