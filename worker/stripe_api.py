"""The way to Stripe: the official library, pointed at Stripe or at what stands in for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from worker.runtime import settings

if TYPE_CHECKING:
    # Stripe's library takes 8 MB of every worker, and few ever have to ask.
    from stripe import StripeClient

STRIPE_TIMEOUT_SECONDS = 5


@cache
def client() -> StripeClient:
    """Return the way to Stripe; it does not try again by itself, the row does."""
    from stripe import RequestsClient, StripeClient  # noqa: PLC0415

    base = settings().stripe_api_base
    http = RequestsClient(timeout=STRIPE_TIMEOUT_SECONDS)
    addresses: Any = {"api": base} if base else {}
    return StripeClient(
        settings().stripe_api_key or "", http_client=http, base_addresses=addresses, max_network_retries=0
    )
