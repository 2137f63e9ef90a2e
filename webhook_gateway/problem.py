"""What goes wrong over HTTP: one catalogue of codes, and one shape for all of them (RFC 9457).

`CATALOGUE` is the only place where a code meets an HTTP status: of the gateway's own problems, of
the errors of the rules (by their `code`), and of the codes that a parked event or a failed job
carries. `/docs/problems` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, g, jsonify
from pydantic.alias_generators import to_camel

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
    "too_late": Kind(HTTPStatus.CONFLICT, "The command was not begun in time"),
    "session_cancelled": Kind(HTTPStatus.CONFLICT, "The session does not take place"),
    "session_started": Kind(HTTPStatus.CONFLICT, "The session has begun"),
    "session_not_started": Kind(HTTPStatus.CONFLICT, "The session has not begun"),
    "session_full": Kind(HTTPStatus.CONFLICT, "Every place is taken"),
    "seat_taken": Kind(HTTPStatus.CONFLICT, "The seat is taken"),
    "already_booked": Kind(HTTPStatus.CONFLICT, "The student has a place in this session"),
    "time_conflict": Kind(HTTPStatus.CONFLICT, "The student has another session at that time"),
    "teacher_unavailable": Kind(HTTPStatus.CONFLICT, "The teacher has another session at that time"),
    "enrollment_required": Kind(HTTPStatus.CONFLICT, "The session belongs to a course"),
    "insufficient_credits": Kind(HTTPStatus.CONFLICT, "Nothing that is held would pay"),
    "all_access_used_today": Kind(HTTPStatus.CONFLICT, "The pass is used up for the day"),
    "friend_pass_unavailable": Kind(HTTPStatus.CONFLICT, "No friend pass would pay"),
    "confirmation_required": Kind(HTTPStatus.CONFLICT, "Credits of a higher tier would have to pay"),
    "package_expired": Kind(HTTPStatus.CONFLICT, "The package does not last until the session"),
    "package_not_started": Kind(HTTPStatus.CONFLICT, "The package begins after the session"),
    "package_suspended": Kind(HTTPStatus.CONFLICT, "The package's payment is disputed, or about to go back"),
    "package_revoked": Kind(HTTPStatus.CONFLICT, "The package's payment went back"),
    "cancellation_window_closed": Kind(HTTPStatus.CONFLICT, "Too late for a cancellation that gives something back"),
    "student_merged": Kind(HTTPStatus.CONFLICT, "The student was merged into another one"),
    "payload_deleted": Kind(HTTPStatus.CONFLICT, "What the event said is kept no longer"),
    "booking_closed": Kind(HTTPStatus.CONFLICT, "The booking was cancelled, or is over"),
    "step_already_booked": Kind(HTTPStatus.CONFLICT, "The step is booked, or done with"),
    "step_not_booked": Kind(HTTPStatus.CONFLICT, "The step has no booking for this"),
    "invalid_option": Kind(HTTPStatus.CONFLICT, "The session or option does not serve the step"),
    "cohort_full": Kind(HTTPStatus.CONFLICT, "Every place of the cohort is taken"),
    "already_enrolled": Kind(HTTPStatus.CONFLICT, "The student is enrolled in it already"),
    "session_not_full": Kind(HTTPStatus.CONFLICT, "There is a free place"),
    "already_waiting": Kind(HTTPStatus.CONFLICT, "In line already"),
    "waitlist_closed": Kind(HTTPStatus.CONFLICT, "The waitlist books nobody any more"),
    "coupon_invalid": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The coupon does not apply"),
    "coupon_exhausted": Kind(HTTPStatus.CONFLICT, "The coupon is used up"),
    "cohort_closed": Kind(HTTPStatus.CONFLICT, "The cohort takes nobody any more"),
    "stripe_refused": Kind(HTTPStatus.BAD_GATEWAY, "Stripe says no"),
    "stripe_unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Stripe does not answer, or cannot be asked", retryable=True
    ),
    "call_final": Kind(HTTPStatus.CONFLICT, "The call to Stripe is not made again"),
    "not_refundable": Kind(HTTPStatus.CONFLICT, "The order was not paid through Stripe"),
    "order_not_paid": Kind(HTTPStatus.CONFLICT, "The order was not paid"),
    "nothing_to_refund": Kind(HTTPStatus.CONFLICT, "Nothing is left to pay back"),
    "payment_disputed": Kind(HTTPStatus.CONFLICT, "The payment is disputed"),
    "refund_under_way": Kind(HTTPStatus.CONFLICT, "A refund of all that is left is under way"),
    "refund_review_required": Kind(HTTPStatus.CONFLICT, "Something was consumed, and a person must say what goes back"),
    "idempotency_key_reused": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The Idempotency-Key belongs to another request"),
    "failed": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "The command failed by a fault of ours"),
    "worker_lost": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "The process that did the command died, each time"),
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

    @classmethod
    def at(cls, field: str, detail: str) -> FieldError:
        """Return the error of a field as the rules name it, such as `seats.0.credit_cost`."""
        return cls.within(map(to_camel, field.split(".")), detail)

    @classmethod
    def within(cls, steps: Iterable[str | int], detail: str) -> FieldError:
        """Return the error of a place by the steps to it, as a JSON pointer (RFC 6901): no steps are the whole body."""
        told = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
        return cls("#" + "".join(f"/{step}" for step in told), detail)


class Problem(Exception):
    """An answer that is a problem; `detail` says what to do about this occurrence, `more` what programs read."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.more = more or {}


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
    return said | {name: value for name, value in problem.more.items() if name not in said}


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
