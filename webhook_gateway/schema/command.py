"""What every command takes and tells besides its body, described for the document."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.parameter import Parameter

from webhook_gateway.idempotency import MAX_KEY

HEADERS: tuple[dict[str, Any], ...] = (
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": MAX_KEY},
        "description": "A string in quotes. The same request with the same key is done once and answered alike",
    },
    {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "`wait=N`: how many seconds to wait, 5 unless said, 30 at most; `respond-async`: not at all",
    },
)


def document(group: APIBlueprint) -> None:
    """Describe the headers of a group's commands; the framework would read them once more for that."""
    for item in group.paths.values():
        for operation in (item.post, item.put, item.patch, item.delete):
            if operation:
                headers = [Parameter.model_validate(header) for header in HEADERS]
                operation.parameters = [*(operation.parameters or ()), *headers]
