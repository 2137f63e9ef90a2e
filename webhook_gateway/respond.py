"""Answers: a shape as JSON."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from pydantic import RootModel

from webhook_gateway.schema.base import Output


def respond(answer: Output | RootModel[Any], *, status: int = 200) -> Response:
    """Return a shape as the response to the current request."""
    # ASCII with escapes, since an event's payload may hold characters that UTF-8 cannot.
    response = jsonify(answer.model_dump(mode="json"))
    response.status_code = status
    return response
