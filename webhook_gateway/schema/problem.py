"""Problems, as RFC 9457 shapes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from webhook_gateway.problem import MEDIA_TYPE


class FieldProblem(BaseModel):
    """One field at fault."""

    pointer: str = Field(description="JSON pointer to the field")
    detail: str


class Problem(BaseModel):
    """What went wrong and what to do about it."""

    type: str = Field(description="`urn:punchcard:problem:` and the code; the Link header leads to its description")
    title: str
    status: int
    detail: str = Field(description="What to do about this occurrence")
    instance: str = Field(description="The request, as it is named in our logs")
    code: str = Field(description="Stable and machine-readable")
    retryable: bool = Field(description="Whether the same request may succeed later")
    errors: list[FieldProblem] | None = Field(default=None, exclude_if=lambda errors: errors is None)
    courses: list[str] | None = Field(
        default=None,
        exclude_if=lambda courses: courses is None,
        description="With `enrollment_required`: codes of the courses on sale that the session belongs to",
    )


CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problems(*statuses: int) -> dict[str | int, Any]:
    """Return the documentation of problem responses: of these statuses by name, and of any other."""
    named: dict[str | int, Any] = {
        int(status): {"description": HTTPStatus(status).phrase, "content": CONTENT} for status in statuses
    }
    return named | {"default": {"description": "Any other problem", "content": CONTENT}}
