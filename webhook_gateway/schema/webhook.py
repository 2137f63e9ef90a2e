"""Stripe's webhook, described for the document: its body is Stripe's, and its routes read raw bytes."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.path_item import PathItem
from flask_openapi3.models.tag import Tag

from webhook_gateway.schema.problem import problems

WEBHOOK_TAG = Tag(name="Stripe", description="Where Stripe posts its events.")
SIGNATURE = {
    "name": "Stripe-Signature",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "maxLength": 4096},
    "description": "`t=…,v1=…` over the raw body, made with one of the endpoint's secrets",
}
ORGANIZATION = {
    "name": "org",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The organization's slug",
}
EVENT = {
    "type": "object",
    "required": ["id", "type"],
    "properties": {"id": {"type": "string"}, "type": {"type": "string"}},
}
RECEIVED = {
    "type": "object",
    "required": ["received", "duplicate"],
    "properties": {"received": {"const": True}, "duplicate": {"type": "boolean"}},
}


def webhook_paths() -> dict[str, PathItem]:
    """Return the document's entries for both addresses of the webhook."""
    return {
        "/webhooks/stripe": _path("receive_event", "Take an event of the platform's or an organization's endpoint"),
        "/webhooks/stripe/{org}": _path("receive_event_of", "Take an event of one organization", ORGANIZATION),
    }


def _path(operation_id: str, summary: str, *parameters: dict[str, Any]) -> PathItem:
    stored = {
        "description": "It is stored; it may have been before",
        "content": {"application/json": {"schema": RECEIVED}},
    }
    told = {str(status): response for status, response in problems(400, 403, 413, 503).items()}
    return PathItem.model_validate(
        {
            "post": {
                "operationId": operation_id,
                "tags": [WEBHOOK_TAG.name],
                "summary": summary,
                "description": "Answered with 200 once it is on disk, however often it is sent. Body limit 1 MiB.",
                "parameters": [SIGNATURE, *parameters],
                "requestBody": {"required": True, "content": {"application/json": {"schema": EVENT}}},
                "responses": {"200": stored} | told,
            }
        }
    )
