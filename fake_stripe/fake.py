"""All that this Stripe is: its objects, its clock, what it sends, and how it was told to misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from fake_stripe.calls import Calls
from fake_stripe.clock import Clock
from fake_stripe.faults import Faults
from fake_stripe.ids import fresh
from fake_stripe.store import Json, Store, shown
from fake_stripe.webhooks import Webhooks

NOBODY: Json = {"id": None, "idempotency_key": None}
API_VERSION = "2026-10-28.endive"


class Fake:
    """One account of Stripe's, in test mode.

    Args:
        data: The SQLite file, or `:memory:`.
        key: The secret key that its callers must have.
        webhook: URL and signing secret of an endpoint that gets every event, if there is one.

    """

    def __init__(self, *, data: str, key: str, webhook: tuple[str, str] | None = None) -> None:
        self.key = key
        self.base = ""
        self.clock = Clock()
        self.store = Store(data)
        self.calls = Calls()
        self.faults = Faults()
        self.webhooks = Webhooks(self.store, self.clock, webhook)
        self.running: set[str] = set()
        self.stopping = Event()
        # By whom the acts of the moment were asked for; guarded by the store's lock.
        self.request = NOBODY
        # What becomes of the refunds that are made by the API from now on.
        self.refunds_become = "succeeded"

    def now(self) -> int:
        """Return the seconds since 1970."""
        return self.clock.now()

    @contextmanager
    def act(self) -> Iterator[None]:
        """Do what no call of the API asked for: whole or not at all."""
        with self.store.transaction():
            self.request = NOBODY
            yield

    def emit(self, kind: str, obj: Json, previous: Json | None = None) -> Json:
        """Write down an event and have it sent to whoever wants its type; `previous` are the values before."""
        data = {"object": shown(obj), **({"previous_attributes": previous} if previous else {})}
        event = {
            "id": fresh("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": self.request,
            "type": kind,
        }
        event["pending_webhooks"] = len(self.webhooks.wanting(kind))
        self.store.put("event", event)
        self.webhooks.announce(event)
        return event

    def close(self) -> None:
        """Stop sending and close the file."""
        self.stopping.set()
        self.webhooks.stop()
        self.store.close()
