"""The body of a command: JSON that the database can hold, or none."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from webhook_gateway.problem import FieldError, Problem

# What a whole body, or a part of it, is told that says something else.
NO_OBJECT = "Input should be an object"


def check() -> None:
    """Refuse a body that is not JSON, is text, or holds text which PostgreSQL cannot store."""
    if not request.get_data(cache=True):
        return
    if not request.is_json:
        raise Problem("unsupported_media_type", "Send the body as application/json.")
    try:
        said = request.get_json()
        storable = _is_storable(said)
    except (BadRequest, RecursionError) as error:
        raise Problem("malformed_request", "Send a body that is valid JSON, nested less deeply.") from error
    if not storable:
        raise Problem("malformed_request", "Send the body without NUL characters and lone surrogates.")
    if isinstance(said, str):
        # The framework would read what it says as JSON once more.
        raise Problem("validation_failed", "Send a body that is an object.", errors=[FieldError.within((), NO_OBJECT)])


def _is_storable(value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_storable, value))
    return not isinstance(value, str) or not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
