"""What an exception is told as: our own problems as they are, the framework's by status, all else as a fault."""

from __future__ import annotations

import traceback
from typing import NoReturn

import psycopg
import structlog
from flask import Flask, g, request
from pydantic import ValidationError
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException

from domain.errors import DomainError, InvalidField
from webhook_gateway.body import NO_OBJECT
from webhook_gateway.problem import CATALOGUE, FieldError, Problem, respond

# Enough to mend a request by; the rest shows on the next try.
MAX_FIELD_ERRORS = 20
# What the framework puts before the words of our own checks.
OWN_WORDS = "Value error, "
# What it tells in words that are no advice: a name of ours, a regular expression.
WORDS = {
    "model_type": NO_OBJECT,
    "model_attributes_type": NO_OBJECT,
    "string_pattern_mismatch": "It has characters or a form that are not allowed here",
}
RETRY_AFTER = {"Retry-After": "5"}

# InternalError is what a server says that has become read-only.
DATABASE_AWAY = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
)

FRAMEWORK = {
    404: ("not_found", "Nothing is at this address; /docs lists what there is."),
    405: ("method_not_allowed", "Use one of the methods that the Allow header names."),
    413: ("payload_too_large", "Send a body of at most 1 MiB."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}
UNREADABLE = ("malformed_request", "Compare the request with /docs and send it again.")

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Answer every exception with a problem."""
    app.register_error_handler(Exception, lambda error: respond(told_as(error)))


def told_as(error: Exception) -> Problem:
    """Return the problem that the caller is told of."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException) and (error.code or 500) < 500:  # noqa: PLR2004 - where server errors begin
        return _framework(error)
    if isinstance(error, InvalidField):
        return Problem(error.code, str(error), errors=[FieldError.at(error.field, str(error))])
    if isinstance(error, DomainError) and error.code in CATALOGUE:
        return Problem(error.code, str(error))
    if isinstance(error, DATABASE_AWAY):
        _record("database.away", error)
        return Problem("database_unavailable", "Send the request again in a few seconds.", headers=RETRY_AFTER)
    _record("request.failed", error)
    return Problem("internal_error", "Send it again; if that fails too, tell us the instance of this problem.")


def refuse_fields(error: ValidationError) -> NoReturn:
    """Turn what is wrong with a request's fields into a problem that names each."""
    faults = [
        FieldError.within(fault["loc"], WORDS.get(fault["type"]) or fault["msg"].removeprefix(OWN_WORDS))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FIELD_ERRORS]
    ]
    detail = "Mend the fields that `errors` names and send the request again."
    raise Problem("validation_failed", detail, errors=faults)


def _framework(error: HTTPException) -> Problem:
    code, detail = FRAMEWORK.get(error.code or 0, UNREADABLE)
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(code, detail, headers=allow)


def _record(event: str, error: Exception) -> None:
    """Log where it happened but not the message: drivers put people's data into theirs."""
    route = request.url_rule.rule if request.url_rule else None
    trace = traceback.format_tb(error.__traceback__)
    log.error(event, request_id=g.request_id, route=route, error=type(error).__qualname__, trace=trace)
