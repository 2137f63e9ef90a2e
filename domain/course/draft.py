"""A course that is being made what a document says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import CourseProgram, Organization
from domain.catalog.changes import Changes
from domain.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Draft:
    """A course whose organization is locked, with the ids of the classes that may be named by their codes."""

    session: Session
    organization: Organization
    course: CourseProgram
    classes: Mapping[str, int]
    changes: Changes
    at: datetime

    @property
    def name(self) -> str:
        """What its changes are noted under."""
        return f"{self.organization.slug}/{self.course.product.code}"

    @property
    def is_different(self) -> bool:
        """Whether something was noted."""
        return self.name in {*self.changes.created, *self.changes.updated}

    def note(self) -> None:
        """Say that something is different."""
        self.changes.note(self.name, is_new=False)


@contextmanager
def under(where: str) -> Iterator[None]:
    """Tell a field at fault by the way to it from further up."""
    try:
        yield
    except InvalidField as error:
        raise InvalidField(f"{where}.{error.field}", str(error)) from error
