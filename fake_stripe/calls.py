"""What was called, for tests that want to know."""

from __future__ import annotations

from collections import deque

from fake_stripe.store import Json

KEPT = 500


class Calls:
    """The last calls of the API, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Json] = deque(maxlen=KEPT)

    def note(self, method: str, path: str, params: Json, key: str | None) -> Json:
        """Write down a call; its `status` stays 0 until it is answered."""
        call = {"method": method, "path": path, "params": params, "idempotency_key": key, "status": 0}
        self._calls.append(call)
        return call

    def listed(self) -> list[Json]:
        """Return the calls."""
        return [dict(call) for call in list(self._calls)]

    def clear(self) -> None:
        """Forget them."""
        self._calls.clear()
