"""A signed token for development, as the frontend's identity provider would give one."""

from __future__ import annotations

from datetime import timedelta

import jwt

from worker import clock

LIFETIME = timedelta(hours=12)
ROLES = ("student", "staff", "admin")


def mint(  # noqa: PLR0913 - one parameter per claim
    secret: str,
    *,
    org: str,
    role: str,
    sub: str,
    audience: str = "punchcard",
    issuer: str | None = None,
    lifetime: timedelta = LIFETIME,
    email: str | None = None,
    name: str | None = None,
    email_verified: bool | None = None,
) -> str:
    """Return a token signed with `JWT_SECRET` (HS256); claims that are None are left out."""
    at = clock.now()
    claims = {
        "sub": sub,
        "org": org,
        "role": role,
        "aud": audience,
        "iss": issuer,
        "iat": at,
        "exp": at + lifetime,
        "email": email,
        "email_verified": email_verified,
        "name": name,
    }
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, secret, algorithm="HS256")
