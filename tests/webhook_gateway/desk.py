"""A desk over HTTP: who asks, and what is answered."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

ADMIN: dict[str, Any] = {"role": "admin", "sub": "boss"}
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}
PLATFORM: dict[str, Any] = {"role": "admin", "org": "*", "sub": "root"}


def said(answer: TestResponse) -> dict[str, Any]:
    """Return what an answer says, a problem too."""
    return dict(answer.get_json(force=True))


def pointers(answer: TestResponse) -> list[str]:
    """Return the fields that an answer names as at fault."""
    return [error["pointer"] for error in said(answer).get("errors", [])]
