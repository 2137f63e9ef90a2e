"""Stripe's webhook signature: HMAC-SHA256 over `timestamp.body`, on the raw bytes.

Scheme: https://docs.stripe.com/webhooks#verify-manually. The time is checked both ways, so that a
signature cannot be kept for later, nor be made for the future.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

# Stripe's own header has about 150 bytes; during a rotation it carries two signatures.
MAX_HEADER = 4_096
MAX_SIGNATURES = 16
TOLERANCE_SECONDS = 300
# Seconds since 1970 have ten digits until the year 2286.
MAX_TIMESTAMP_DIGITS = 12


class SignatureInvalid(Exception):
    """The header is not a signature of this body by one of the secrets, made within five minutes."""


def verify(body: bytes, header: str, secrets: Iterable[str], *, at: datetime) -> str:
    """Return the secret that signed a body.

    Every secret is tried against every signature, so that the time taken does not tell which failed.

    Raises:
        SignatureInvalid: none did, or not now.

    """
    timestamp, signatures = _parse(header)
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureInvalid(f"the timestamp is more than {TOLERANCE_SECONDS} seconds away from now")
    signed = timestamp.encode() + b"." + body
    matching = [secret for secret in secrets if _matches(signed, secret, signatures)]
    if not matching:
        raise SignatureInvalid("no signature matches a secret of this endpoint")
    return matching[0]


def sign(body: bytes, secret: str, *, at: datetime) -> str:
    """Return the header that Stripe would send with a body."""
    timestamp = str(int(at.timestamp()))
    return f"t={timestamp},v1={_digest(timestamp.encode() + b'.' + body, secret)}"


def _parse(header: str) -> tuple[str, list[bytes]]:
    if not header or len(header) > MAX_HEADER or not header.isascii():
        raise SignatureInvalid("the Stripe-Signature header is missing or not one")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode() for name, _, value in pairs if name == "v1"]
    if len(timestamps) != 1 or not timestamps[0].isdecimal() or len(timestamps[0]) > MAX_TIMESTAMP_DIGITS:
        raise SignatureInvalid("the Stripe-Signature header has no timestamp")
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise SignatureInvalid(f"the Stripe-Signature header has not 1 to {MAX_SIGNATURES} signatures of scheme v1")
    return timestamps[0], signatures


def _matches(signed: bytes, secret: str, signatures: list[bytes]) -> bool:
    expected = _digest(signed, secret).encode()
    return any([hmac.compare_digest(expected, signature) for signature in signatures])  # noqa: C419 - no early exit


def _digest(signed: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
