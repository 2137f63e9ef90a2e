"""What Stripe answers when it does not do what it was asked.

Refused           400 and the like: the envelope of Stripe's, with type, code, message and param
  missing()       404 for an object, 400 for one that a parameter names
Hangup            no answer at all: the connection ends
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An error in Stripe's envelope.

    Args:
        message: What a person reads.
        status: The HTTP status.
        kind: The envelope's `type`.
        code: The envelope's `code`, if it has one.
        param: The parameter that is wrong, if one is.
        kept: Whether work had begun, so that the answer is kept under the idempotency key.
        headers: What else the answer carries.

    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kept, self.headers = status, kept, headers or {}
        told = {"type": kind, "code": code, "message": message, "param": param}
        self.envelope: dict[str, Any] = {"error": {name: value for name, value in told.items() if value is not None}}


class Hangup(Exception):
    """The connection is cut instead of an answer; `reset` as if the other machine had crashed."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("hung up")
        self.reset = reset


def missing(kind: str, key: str, *, param: str | None = None) -> Refused:
    """Make the error for an object that is not there; `param` is the parameter that names it, else the path does."""
    called = kind.replace("checkout.session", "checkout_session").replace("_", "" if kind == "payment_intent" else " ")
    status = 404 if param is None else 400
    return Refused(f"No such {called}: '{key}'", status=status, code="resource_missing", param=param or "id")


def unknown_parameter(name: str) -> Refused:
    """Make the error for a parameter that is not known here, which Stripe tells from a known one as well."""
    return Refused(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
