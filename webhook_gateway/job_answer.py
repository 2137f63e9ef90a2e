"""What a job's end says over HTTP: the same as on the first day, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response

from domain.booking.command import ADJUST, BOOK, JOIN
from domain.desk.redeem_command import REDEEM
from domain.enrollment.step_command import BOOK_STEP, BOOK_STEPS
from domain.outward.checkout_command import CHECKOUT
from domain.refund.command import REFUND
from webhook_gateway.job_store import Outcome
from webhook_gateway.problem import CATALOGUE, MEDIA_TYPE, FieldError, Problem, link, members

UNKNOWN = "internal_error"
FAULT = "The command failed by a fault of ours; nothing was done. Tell us the instance of this problem."
# Commands that make something.
CREATES = {BOOK, BOOK_STEP, BOOK_STEPS, JOIN, REDEEM, ADJUST, REFUND, CHECKOUT}


def response(job_id: int, kind: str, outcome: Outcome) -> Response:
    """Return a finished job as the answer to its command."""
    if outcome.problem is None:
        return Response(outcome.result, status=201 if kind in CREATES else 200, mimetype="application/json")
    told = _problem(outcome.problem)
    body = orjson.dumps(_members(job_id, told))
    return Response(body, status=told.kind.status, mimetype=MEDIA_TYPE, headers={"Link": link(told)})


def problem(job_id: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem that a job ended in, as RFC 9457 shapes it."""
    return _members(job_id, _problem(said))


def _members(job_id: int, told: Problem) -> dict[str, Any]:
    return members(told, "") | {"instance": f"urn:punchcard:job:{job_id}"}


def _problem(said: Mapping[str, Any]) -> Problem:
    """Return what a worker wrote as a problem of the catalogue; of a code that is not there nothing is told."""
    if said.get("code") not in CATALOGUE:
        return Problem(UNKNOWN, FAULT)
    detail = said.get("detail") or FAULT
    errors = [FieldError.at(said["field"], detail)] if said.get("field") else []
    return Problem(said["code"], detail, errors=errors, more=said.get("more"))
