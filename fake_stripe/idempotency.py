"""The same key is the same request: what was answered once is answered again, for a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.store import Json

FORGOTTEN_SECONDS = 24 * 60 * 60
MAX_KEY = 255
IN_USE = (
    "There is currently another in-progress request using this Idempotent Key (that probably means you submitted"
    " twice, and the other request is still going through): {}. Please try again later."
)
OTHER = (
    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a"
    " key other than '{}' if you meant to execute a different request."
)
Run = Callable[[], Json]


@dataclass
class Reply:
    """What is answered."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


def answered(fake: Fake, key: str | None, request: str, run: Run, held: Callable[[], None]) -> Reply:
    """Do what was asked for, or answer again what was answered under the key.

    What had not begun when it was refused is not kept: the same key may try again. `held` is called while
    the key is held and nothing else is.
    """
    if key is None:
        held()
        with fake.store.transaction():
            return Reply(200, run())
    if len(key) > MAX_KEY:
        raise Refused(f"Idempotency keys may have at most {MAX_KEY} characters.", kind="idempotency_error")
    if kept := _begun(fake, key, request):
        return kept
    try:
        held()
        return _done(fake, key, request, run)
    except Refused as refused:
        if refused.kept:
            _keep(fake, key, request, Reply(refused.status, refused.envelope))
        raise
    finally:
        fake.running.discard(key)


def _begun(fake: Fake, key: str, request: str) -> Reply | None:
    """Return the answer that is kept, or hold the key."""
    with fake.store.transaction():
        forgotten = fake.now() - FORGOTTEN_SECONDS
        fake.store.execute("DELETE FROM answers WHERE key = ? AND at <= ?", key, forgotten)
        rows = fake.store.execute("SELECT request, status, body FROM answers WHERE key = ?", key)
        if rows and rows[0][0] != request:
            raise Refused(OTHER.format(key), kind="idempotency_error")
        if rows:
            return Reply(rows[0][1], json.loads(rows[0][2]), {"Idempotent-Replayed": "true"})
        if key in fake.running:
            raise Refused(IN_USE.format(key), status=409, kind="idempotency_error", code="idempotency_key_in_use")
        fake.running.add(key)
    return None


def _done(fake: Fake, key: str, request: str, run: Run) -> Reply:
    with fake.store.transaction():
        reply = Reply(200, run())
        _keep(fake, key, request, reply)
        return reply


def _keep(fake: Fake, key: str, request: str, reply: Reply) -> None:
    statement = "INSERT INTO answers (key, request, status, body, at) VALUES (?, ?, ?, ?, ?)"
    fake.store.execute(statement, key, request, reply.status, json.dumps(reply.body), fake.now())
