"""What is to be different in something that exists."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from webhook_gateway.schema.base import Input


def kept(description: str | None = None) -> Any:  # noqa: ANN401 - a field's default, of the field's own type
    """Return the default of a field that stays as it is where it is left out, and cannot be null."""
    return Field(default=None, json_schema_extra=lambda schema: schema.pop("default", None), description=description)


class Change(Input):
    """The fields of something, each of which may be left out."""

    def values(self, *without: str) -> dict[str, Any]:
        """Return the columns to set, without some fields."""
        return self.model_dump(exclude_unset=True, exclude=set(without))
