"""Send each event to the endpoints that want it, signed, again and again until it is taken."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Condition, Thread
from urllib.parse import urlsplit

from fake_stripe import old_shape
from fake_stripe.clock import Clock, elapsed
from fake_stripe.manner import Manner
from fake_stripe.store import Json, Store

TIMEOUT_SECONDS = 10
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, TRIES = 0.2, 30.0, 20
CHORE_SECONDS = 5.0
# The endpoint of the command line, which is no object.
GIVEN = "given"


class Webhooks:
    """What is to be sent lies in the store, so that a restart loses nothing; one thread sends it."""

    def __init__(self, store: Store, clock: Clock, given: tuple[str, str] | None) -> None:
        self.manner = Manner()
        # What else the thread does from time to time.
        self.chore: Callable[[], object] = lambda: None
        self._store, self._clock, self._given = store, clock, given
        self._due: list[tuple[float, int]] = []
        self._changed = Condition()
        self._busy = self._stopped = False
        self._thread = Thread(target=self._run, name="webhooks", daemon=True)

    @property
    def given_url(self) -> str | None:
        """Where every event goes, as the command line said."""
        return self._given[0] if self._given else None

    def start(self) -> None:
        """Send what an earlier run left, and from now on what is announced."""
        for (key,) in self._store.execute("SELECT id FROM deliveries ORDER BY id"):
            self._later(key, 0.0)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was not sent stays for the next run."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS + 1)

    def wanting(self, kind: str) -> list[str]:
        """Return the endpoints that want events of a type."""
        made = [
            each["id"]
            for each in self._store.walk("webhook_endpoint")
            if each["status"] == "enabled" and {"*", kind}.intersection(each["enabled_events"])
        ]
        return [GIVEN, *made] if self._given else made

    def announce(self, event: Json) -> None:
        """Have an event sent, in the manner that is set."""
        endpoints = self.wanting(event["type"])
        # Dice are thrown for what is sent only, so that the same story meets the same luck.
        for wait in self.manner.waits(event["id"]) if endpoints else ():
            for endpoint in endpoints:
                self._add(event["id"], endpoint, wait)

    def resend(self, event: Json) -> None:
        """Send an event once more, now and whatever the manner."""
        for endpoint in self.wanting(event["type"]):
            self._add(event["id"], endpoint, 0.0)

    def waiting(self) -> int:
        """Return how many deliveries are still to be made."""
        with self._changed:
            return len(self._due) + self._busy

    def flush(self, seconds: float) -> bool:
        """Wait until everything was sent; say whether it was in time."""
        end = elapsed() + seconds
        while self.waiting() and elapsed() < end:
            time.sleep(0.01)
        return not self.waiting()

    def _add(self, event: str, endpoint: str, wait: float) -> None:
        statement = "INSERT INTO deliveries (event, endpoint) VALUES (?, ?) RETURNING id"
        self._later(self._store.execute(statement, event, endpoint)[0][0], wait)

    def _later(self, key: int, wait: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (elapsed() + wait, key))
            self._changed.notify_all()

    def _run(self) -> None:
        while (key := self._next()) is not None:
            try:
                self._deliver(key) if key else self.chore()
            finally:
                with self._changed:
                    self._busy = False

    def _next(self) -> int | None:
        """Return the delivery that is due; 0 where there was none for a while, None when all is over."""
        chore = elapsed() + CHORE_SECONDS
        with self._changed:
            while not self._stopped:
                now = elapsed()
                if self._due and self._due[0][0] <= now:
                    self._busy = True
                    return heapq.heappop(self._due)[1]
                if now >= chore:
                    return 0
                self._changed.wait(max(0.001, min(chore, self._due[0][0] if self._due else chore) - now))
        return None

    def _deliver(self, key: int) -> None:
        # Whoever announced it holds the store's lock until it is written, or taken back.
        with self._store.transaction():
            rows = self._store.execute("SELECT event, endpoint, tries FROM deliveries WHERE id = ?", key)
            event = self._store.find("event", rows[0][0]) if rows else None
            target = self._target(rows[0][1]) if rows else None
            if event and target:
                body = json.dumps(old_shape.event(self._store, event) if self.manner.shape == "old" else event)
        taken = not event or not target or _post(target[0], body.encode(), target[1], at=self._clock.now())
        self._noted(key, rows[0][2] + 1 if rows else 0, taken=taken)

    def _noted(self, key: int, tries: int, *, taken: bool) -> None:
        if taken or tries >= TRIES:
            self._store.execute("DELETE FROM deliveries WHERE id = ?", key)
            return
        self._store.execute("UPDATE deliveries SET tries = ? WHERE id = ?", tries, key)
        self._later(key, min(FIRST_RETRY_SECONDS * 2 ** (tries - 1), LONGEST_RETRY_SECONDS))

    def _target(self, endpoint: str) -> tuple[str, str] | None:
        """Return URL and secret of an endpoint that still takes events."""
        if endpoint == GIVEN:
            return self._given
        found = self._store.find("webhook_endpoint", endpoint)
        return (found["url"], found["_secret"]) if found and found["status"] == "enabled" else None


def signature(body: bytes, secret: str, *, at: int) -> str:
    """Return the header by which a receiver knows that a body is Stripe's."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _post(url: str, body: bytes, secret: str, *, at: int) -> bool:
    """Send a body, and say whether it was taken; a redirect is a refusal, as with Stripe."""
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature(body, secret, at=at)}
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"User-Agent": "Stripe/1.0 (a fake one)", **headers})
        return connection.getresponse().status // 100 == 2  # noqa: PLR2004 - any 2xx
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
