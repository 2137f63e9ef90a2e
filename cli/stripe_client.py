"""The way to Stripe behind a command: what it refuses, or that it is away, is one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli import output
from config import Settings
from domain.redaction import redact

if TYPE_CHECKING:
    from stripe import StripeClient

TIMEOUT_SECONDS = 20
# A person waits; what passes within seconds is not worth their trouble.
RETRIES = 2
SERVER_ERROR = 500
NO_KEY = "STRIPE_API_KEY is not set: copy the secret key from Stripe's dashboard (Developers, API keys)"


def client(settings: Settings, *, timeout: float = TIMEOUT_SECONDS, retries: int = RETRIES) -> StripeClient:
    """Return the way to Stripe, or to what stands in for it."""
    from stripe import RequestsClient, StripeClient

    addresses: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else {}
    http = RequestsClient(timeout=timeout)
    return StripeClient(
        settings.stripe_api_key or "", http_client=http, base_addresses=addresses, max_network_retries=retries
    )


@contextmanager
def asking(settings: Settings) -> Iterator[StripeClient]:
    """Give the way to Stripe; an error of its ends the command with one line."""
    if settings.stripe_api_key is None:
        raise output.fail(NO_KEY, output.USAGE)
    from stripe import StripeError

    try:
        yield client(settings)
    except StripeError as error:
        raise output.fail(told(error)) from None


def told(error: Exception) -> str:
    """Return what an error of Stripe's means to whoever typed the command; without any secret."""
    from stripe import APIConnectionError, AuthenticationError, PermissionError, RateLimitError, StripeError  # noqa: A004

    said = redact(str(getattr(error, "user_message", None) or error)).partition("\n")[0]
    status = (error.http_status if isinstance(error, StripeError) else None) or 0
    if isinstance(error, AuthenticationError):
        return "Stripe does not take this STRIPE_API_KEY: copy it again from Stripe's dashboard"
    if isinstance(error, PermissionError):
        return f"this STRIPE_API_KEY may not do that ({said}): give it the right, or take a secret key"
    if isinstance(error, APIConnectionError | RateLimitError) or status >= SERVER_ERROR:
        return f"Stripe does not answer ({type(error).__name__}): run this again; what was done stays done"
    return f"Stripe refuses that: {said}"
