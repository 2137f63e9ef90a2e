"""What all shapes share: camelCase outside, nothing unknown let in, nothing absent shown."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_PAGE = 200
T = TypeVar("T")


def _title(name: str, _field: object) -> str:
    return name.replace("_", " ").strip()


class Input(BaseModel):
    """What a caller sends; a field that we do not know is refused, not overlooked."""

    model_config = ConfigDict(alias_generator=to_camel, field_title_generator=_title, extra="forbid")


class Output(BaseModel):
    """What we answer, built from the views of the rules."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        field_title_generator=_title,
        validate_by_name=True,
        serialize_by_alias=True,
        from_attributes=True,
    )


class PageQuery(Input):
    """Which page of a list."""

    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="Rows per page")
    cursor: str | None = Field(default=None, max_length=64, description="`nextCursor` of the page before")


class Page(Output, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


def optional(description: str | None = None) -> Any:  # noqa: ANN401 - a field's default, of the field's own type
    """Return the default of a field that is left out where it has nothing to say."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)
