"""One call of the API: who asks, what goes wrong on demand, what is done, and what is answered."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from fake_stripe import idempotency
from fake_stripe.error import Refused, unknown_parameter
from fake_stripe.expand import expanded
from fake_stripe.fake import Fake
from fake_stripe.faults import Fault
from fake_stripe.forms import Params
from fake_stripe.idempotency import Reply
from fake_stripe.ids import fresh
from fake_stripe.store import Json, shown

Handler = Callable[..., Json]
NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth."
)


@dataclass(frozen=True)
class Asked:
    """A request of the API."""

    method: str
    path: str
    headers: Mapping[str, str]
    said: Json

    @property
    def key(self) -> str | None:
        """The idempotency key; it means something for what creates and changes only."""
        return self.headers.get("Idempotency-Key") if self.method == "POST" else None


def answer(fake: Fake, asked: Asked, handler: Handler | None, ids: Mapping[str, str]) -> Reply:
    """Return what is answered; no handler means that there is no such route.

    Raises:
        Hangup: nothing is.

    """
    call = fake.calls.note(asked.method, asked.path, asked.said, asked.headers.get("Idempotency-Key"))
    request = fresh("request")
    try:
        reply = _answered(fake, asked, handler, ids, request)
    except Refused as refused:
        reply = Reply(refused.status, refused.envelope, refused.headers)
    call |= {"status": reply.status, "replayed": "Idempotent-Replayed" in reply.headers}
    reply.headers |= {"Request-Id": request, **({"Idempotency-Key": asked.key} if asked.key else {})}
    return reply


def _answered(fake: Fake, asked: Asked, handler: Handler | None, ids: Mapping[str, str], request: str) -> Reply:
    _authorize(fake, asked.headers.get("Authorization", ""))
    if handler is None:
        raise Refused(f"Unrecognized request URL ({asked.method}: {asked.path}).", status=404)
    fault = fake.faults.take(asked.method, asked.path)
    fault.before(fake.stopping)
    run = partial(_run, fake, asked, handler, ids, request)
    fingerprint = json.dumps([asked.method, asked.path, asked.said], sort_keys=True)
    reply = idempotency.answered(fake, asked.key, fingerprint, run, partial(Fault.within, fault, fake.stopping))
    fault.after(fake.stopping)
    return reply


def _authorize(fake: Fake, header: str) -> None:
    kind, _, key = header.partition(" ")
    if kind.lower() != "bearer" or not key:
        raise Refused(NO_KEY, status=401)
    if not hmac.compare_digest(key.encode(), fake.key.encode()):
        raise Refused(f"Invalid API Key provided: {key[:8]}***", status=401)


def _run(fake: Fake, asked: Asked, handler: Handler, ids: Mapping[str, str], request: str) -> Json:
    params = Params(asked.said)
    paths = params.texts("expand") or []
    fake.request = {"id": request, "idempotency_key": asked.key}
    result = shown(handler(fake, params, **ids))
    for name in params.unread():
        raise unknown_parameter(name)
    return expanded(fake.store, result, paths)
