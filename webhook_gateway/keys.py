"""The public keys of the identity provider: fetched seldom, kept through its outages, never asked for by a token."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import structlog
from jwt import PyJWK, PyJWKClient, PyJWTError

from webhook_gateway.problem import Problem

FRESH_S = 300
# How long keys are trusted that the provider does not confirm: a day outlasts outages, not a stolen key.
KEPT_S = 24 * 3600
# Tokens with unknown keys cost at most one fetch in this time, whether it succeeds or not.
COOLDOWN_S = 30
TIMEOUT_S = 3

log = structlog.get_logger()


class KeyRing:
    """The keys of one JWKS address, by their id."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=TIMEOUT_S)
        self._monotonic = monotonic
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = Lock()

    def find(self, key_id: str) -> PyJWK | None:
        """Return a key; None if the provider has none of that id.

        Raises:
            Problem: no keys are known at all, so that nothing can be said about any token.

        """
        if key_id not in self._keys or self._age(self._fetched_at) > FRESH_S:
            self._refresh()
        if self._age(self._fetched_at) > KEPT_S:
            headers = {"Retry-After": str(COOLDOWN_S)}
            raise Problem("keys_unavailable", "Send the request again in half a minute.", headers=headers)
        return self._keys.get(key_id)

    def _age(self, moment: float) -> float:
        return self._monotonic() - moment

    def _refresh(self) -> None:
        # With keys at hand nobody waits for a fetch; without any, everybody waits for the one that fetches.
        if not self._fetching.acquire(blocking=not self._keys):
            return
        try:
            if self._age(self._tried_at) >= COOLDOWN_S:
                self._tried_at = self._monotonic()
                self._fetch()
        finally:
            self._fetching.release()

    def _fetch(self) -> None:
        try:
            keys = self._client.get_signing_keys()
        except (PyJWTError, OSError, ValueError) as error:
            log.warning("jwks.away", error=type(error).__qualname__)
            return
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._fetched_at = self._monotonic()
