"""What goes wrong over HTTP: one catalogue of codes, and one shape for all of them (RFC 9457).

`CATALOGUE` is the only place where a code meets an HTTP status: of the gateway's own problems, of
the errors of the rules (by their `code`), and of the codes that a parked event or a failed job
carries. `/docs/problems` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, g, jsonify

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:punchcard:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status and title never vary; `retryable` says whether waiting helps."""

    status: HTTPStatus
    title: str
    retryable: bool = False


CATALOGUE: Mapping[str, Kind] = {
    "malformed_request": Kind(HTTPStatus.BAD_REQUEST, "The request cannot be read"),
    "signature_invalid": Kind(HTTPStatus.BAD_REQUEST, "The webhook's signature is not valid"),
    "unauthenticated": Kind(HTTPStatus.UNAUTHORIZED, "A valid token is needed"),
    "forbidden": Kind(HTTPStatus.FORBIDDEN, "The token does not allow this"),
    "not_found": Kind(HTTPStatus.NOT_FOUND, "There is nothing here"),
    "method_not_allowed": Kind(HTTPStatus.METHOD_NOT_ALLOWED, "The method does not fit the address"),
    "request_timeout": Kind(HTTPStatus.REQUEST_TIMEOUT, "The body took too long", retryable=True),
    "payload_too_large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    "unsupported_media_type": Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not JSON"),
    "validation_failed": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The request says something impossible"),
    "unrecognised_purchase": Kind(HTTPStatus.CONFLICT, "Nothing in the purchase says what was bought"),
    "unknown_product": Kind(HTTPStatus.CONFLICT, "The catalog does not have the product"),
    "purchase_too_large": Kind(HTTPStatus.CONFLICT, "More units than one purchase may have"),
    "currency_mismatch": Kind(HTTPStatus.CONFLICT, "Paid in another currency than the product's"),
    "internal_error": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "A fault of ours", retryable=True),
    "overloaded": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests are under way", retryable=True),
    "database_unavailable": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The database is away", retryable=True),
    "schema_outdated": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The database waits for a migration", retryable=True),
    "keys_unavailable": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The keys of tokens are away", retryable=True),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault: where, as a JSON pointer, and why."""

    pointer: str
    detail: str


class Problem(Exception):
    """An answer that is a problem; `detail` says what to do about this occurrence."""

    def __init__(
        self, code: str, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def members(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return what the body of a problem says."""
    said: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.code,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": f"urn:punchcard:request:{request_id}",
        "code": problem.code,
        "retryable": problem.kind.retryable,
    }
    if problem.errors:
        said["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in problem.errors]
    return said


def link(problem: Problem) -> str:
    """Return the header that leads to a problem's description."""
    return f'</docs/problems#{problem.code}>; rel="help"'


def respond(problem: Problem) -> Response:
    """Return a problem as the response to the current request."""
    response = jsonify(members(problem, g.request_id))
    response.status_code = problem.kind.status
    response.mimetype = MEDIA_TYPE
    response.headers.update(problem.headers)
    response.headers["Link"] = link(problem)
    return response
