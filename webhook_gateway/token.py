"""Who says so: JSON Web Tokens, verified with what the configuration fixes and nothing that they say of themselves."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import jwt
from jwt import PyJWK, PyJWTError
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from config import Settings
from webhook_gateway.keys import KeyRing

MAX_TOKEN = 8 * 1024
LEEWAY_S = 30
REQUIRED = ["exp", "aud", "sub"]
# RFC 9068's access tokens and plain ones; a token of another type was made for another purpose.
TYPES = {"jwt", "at+jwt", "application/at+jwt"}

# PostgreSQL cannot store NUL; lone surrogates are refused by pydantic itself.
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class InvalidToken(Exception):
    """The token proves nothing; the message says why."""


class Role(StrEnum):
    """What a token allows; each includes those before it."""

    STUDENT = "student"
    STAFF = "staff"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Say whether this role may do what another may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Claims(BaseModel):
    """What a verified token says; claims that we do not know are nobody's business here."""

    model_config = ConfigDict(frozen=True)

    sub: Text
    org: Text
    role: Role
    email: Text | None = None
    # Some providers send the text "true"; only a boolean proves anything.
    email_verified: Annotated[bool, BeforeValidator(lambda value: value is True)] = False
    name: Text | None = None


class TokenReader:
    """Verifies tokens by the one method that is configured."""

    def __init__(self, settings: Settings, keys: KeyRing | None = None) -> None:
        self._secret = settings.jwt_secret
        self._keys = keys or (KeyRing(settings.jwt_jwks_url) if settings.jwt_jwks_url else None)
        self._algorithms = ["RS256", "ES256"] if self._keys else ["HS256"]
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer

    def read(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            InvalidToken: it is not for us, not valid now, or not signed by whom we trust.

        """
        if len(token) > MAX_TOKEN:
            message = f"it is longer than {MAX_TOKEN} bytes"
            raise InvalidToken(message)
        try:
            return Claims.model_validate(self._verified(token))
        except PyJWTError as error:
            raise InvalidToken(str(error)) from error
        except ValidationError as error:
            message = f"its claim {error.errors()[0]['loc'][0]} is missing or malformed"
            raise InvalidToken(message) from error

    def _verified(self, token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            self._key(jwt.get_unverified_header(token)),
            algorithms=self._algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_S,
            options={"require": REQUIRED},
        )

    def _key(self, header: dict[str, Any]) -> str | PyJWK:
        """Return the key that a token's header names, among our own; its other advice is not taken."""
        if str(header.get("typ") or "JWT").lower() not in TYPES:
            message = "it is a token of another type"
            raise InvalidToken(message)
        if self._keys is None:
            return self._secret or ""
        key = self._keys.find(header["kid"]) if header.get("kid") else None
        if key is None:
            message = "it is signed with a key that we do not know"
            raise InvalidToken(message)
        return key
