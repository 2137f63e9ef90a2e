"""The webhook: whose secret signed, whose event it is, and that every event is one row with its own bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from freezegun import freeze_time

from config import Settings
from tests import conftest
from tests.stripe_objects import body, checkout, event, intent
from tests.studio import Studio
from tests.webhook_gateway.rsgi import Loop, Told, a_loop
from webhook_gateway.event_store import EventStore
from webhook_gateway.front import Front
from webhook_gateway.intake import MAX_BODY, Intake
from webhook_gateway.signature import sign
from worker import clock

PLATFORM, RETIRED, THRIVE, LUMEN = "whsec_platform", "whsec_retired", "whsec_thrive", "whsec_lumen"
ALL, OF_LUMEN, OF_THRIVE = "/webhooks/stripe", "/webhooks/stripe/lumen", "/webhooks/stripe/thrive"
NEW, DUPLICATE = {"received": True, "duplicate": False}, {"received": True, "duplicate": True}

# The settings of the environment, so that the events can be drained too.
settings = conftest.settings


class Stripe:
    """Posts bodies as Stripe does, to the webhook behind its front."""

    def __init__(self, loop: Loop, front: Front) -> None:
        self._loop = loop
        self._front = front

    def post(
        self, payload: bytes | dict[str, Any], path: str = ALL, *, secret: str = PLATFORM, at: datetime | None = None
    ) -> Told:
        payload = payload if isinstance(payload, bytes) else body(payload)
        return self.deliver(payload, sign(payload, secret, at=at or clock.now()), path)

    def deliver(self, payload: bytes, signature: str, path: str = ALL) -> Told:
        return self._loop.ask(self._front, unquote(path), payload, {"Stripe-Signature": signature})


def no_application(_environ: Any, _start: Any) -> list[bytes]:
    raise AssertionError("the webhook is answered before it")


@pytest.fixture
def hints() -> list[str]:
    return []


@pytest.fixture
def stripe(settings: Settings, studio: Studio, hints: list[str]) -> Iterator[Stripe]:
    assert studio
    secrets = {"thrive": (THRIVE,), "lumen": (LUMEN,), "vanished": ("whsec_vanished",)}
    settings = replace(settings, platform_secrets=(PLATFORM, RETIRED), organization_secrets=secrets)
    store = EventStore(settings.database_url)
    intake = Intake(settings, store, hints.append)
    with a_loop(then=store.close) as loop:
        yield Stripe(loop, Front(no_application, intake.receive))


def refused(answer: Told, status: int, code: str) -> bool:
    return (answer.status, answer.headers["Content-Type"], answer.json["code"]) == (
        status,
        "application/problem+json",
        code,
    )


def slug_of(studio: Studio, told: dict[str, Any]) -> str | None:
    row = studio.one(
        "SELECT slug FROM stripe_events e LEFT JOIN organizations o ON o.id = e.organization_id"
        " WHERE event_id = %(id)s",
        id=told["id"],
    )
    return row["slug"] and str(row["slug"])


def test_an_event_is_stored_byte_by_byte_and_hinted_at(stripe: Stripe, studio: Studio, hints: list[str]) -> None:
    told = checkout()
    payload = b'  {\t"livemode": false,\n' + body(told)[1:] + b"\r\n"

    answer = stripe.post(payload)

    assert (answer.status, answer.json) == (200, NEW)
    row = studio.event(told)
    assert bytes(row["payload"]) == payload
    assert (row["type"], row["livemode"], row["status"]) == ("checkout.session.completed", False, "RECEIVED")
    assert hints == ["stripe"]


def test_a_duplicate_is_told_so_and_the_first_bytes_stay(stripe: Stripe, studio: Studio) -> None:
    told = checkout()
    stripe.post(told)

    answer = stripe.post(body(told) + b" ")

    assert (answer.status, answer.data) == (200, b'{"received": true, "duplicate": true}')
    assert bytes(studio.event(told)["payload"]) == body(told)


def test_of_fifty_deliveries_at_once_one_is_new(stripe: Stripe, studio: Studio) -> None:
    told = checkout()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: stripe.post(told).json, range(50)))

    assert (answers.count(NEW), answers.count(DUPLICATE)) == (1, 49)
    assert studio.count("stripe_events") == 1


@pytest.mark.parametrize("secret", [PLATFORM, RETIRED])
def test_both_secrets_of_a_rotation_are_taken(stripe: Stripe, studio: Studio, secret: str) -> None:
    answer = stripe.post(checkout(), secret=secret)

    assert answer.json == NEW
    assert studio.count("stripe_events") == 1


@pytest.mark.parametrize(("seconds", "status"), [(-301, 400), (-298, 200), (298, 200), (302, 400)])
def test_a_signature_is_taken_within_five_minutes_both_ways(
    stripe: Stripe, studio: Studio, seconds: int, status: int
) -> None:
    answer = stripe.post(checkout(), at=clock.now() + timedelta(seconds=seconds))

    assert answer.status == status
    assert studio.count("stripe_events") == (status == 200)


def test_a_delivery_that_was_recorded_is_worth_nothing_later(stripe: Stripe, studio: Studio) -> None:
    with freeze_time("2026-03-01T12:00:00Z") as now:
        recorded = sign(b'{"id": "evt_1", "type": "x"}', PLATFORM, at=clock.now())
        now.tick(301)

        answer = stripe.deliver(b'{"id": "evt_1", "type": "x"}', recorded)

    assert refused(answer, 400, "signature_invalid")
    assert studio.count("stripe_events") == 0


def test_a_body_that_was_changed_is_refused(stripe: Stripe, studio: Studio) -> None:
    told = checkout(amount=1)
    signature = sign(body(told), PLATFORM, at=clock.now())

    answer = stripe.deliver(body(told).replace(b'"amount_total": 1', b'"amount_total": 9'), signature)

    assert refused(answer, 400, "signature_invalid")
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (ALL, "whsec_wrong"),
        (OF_LUMEN, "whsec_wrong"),
        (OF_LUMEN, THRIVE),
        (OF_THRIVE, LUMEN),
        ("/webhooks/stripe/nobody", THRIVE),
        ("/webhooks/stripe/Thrive", THRIVE),
    ],
)
def test_a_secret_that_may_not_sign_for_a_path_is_refused(
    stripe: Stripe, studio: Studio, path: str, secret: str
) -> None:
    answer = stripe.post(checkout(), path, secret=secret)

    assert refused(answer, 400, "signature_invalid")
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize("path", [ALL, f"{ALL}/", OF_THRIVE, f"{OF_THRIVE}/"])
def test_an_organizations_secret_acts_on_that_organization_whatever_else_is_said(
    stripe: Stripe, studio: Studio, path: str
) -> None:
    told = checkout(org="lumen", account="acct_of_lumen")

    stripe.post(told, path, secret=THRIVE)
    studio.drain()

    row = studio.event(told)
    assert row["scope"] == row["organization_id"]
    assert slug_of(studio, told) == "thrive"
    assert (row["status"], row["error_code"]) == ("FAILED", "unknown_product"), "thrive sells no EXPLORER-5"
    assert studio.packages() == []


@pytest.mark.parametrize("path", ["/webhooks/stripe/nobody", "/webhooks/stripe/lumen%20", "/webhooks/stripe/%F0%9F"])
def test_an_unknown_organization_in_the_path_is_forbidden(
    stripe: Stripe, studio: Studio, hints: list[str], path: str
) -> None:
    answer = stripe.post(checkout(), path)

    assert refused(answer, 403, "forbidden")
    assert studio.count("stripe_events") == 0
    assert hints == []


def test_a_secret_of_an_organization_that_is_not_there_yet_is_forbidden(stripe: Stripe, studio: Studio) -> None:
    answer = stripe.post(checkout(), secret="whsec_vanished")

    assert refused(answer, 403, "forbidden")
    assert studio.count("stripe_events") == 0


def test_the_platforms_secret_acts_on_the_organization_of_the_path(stripe: Stripe, studio: Studio) -> None:
    told = checkout("SINGLE-RIDE", org="thrive", amount=150_000)

    stripe.post(told, OF_LUMEN)
    studio.drain()

    assert studio.event(told)["scope"] == 0
    assert slug_of(studio, told) == "lumen"
    assert studio.packages() == [("SINGLE-RIDE", "ada")]


def test_without_a_path_the_platforms_event_says_itself_whose_it_is(stripe: Stripe, studio: Studio) -> None:
    told = checkout(org="lumen")

    stripe.post(told)
    before = studio.event(told)["organization_id"]
    studio.drain()

    assert before is None
    assert slug_of(studio, told) == "lumen"


def test_nobody_can_take_the_event_id_of_another(stripe: Stripe, studio: Studio) -> None:
    told = checkout()

    answers = [stripe.post(told, secret=secret).json for secret in (THRIVE, PLATFORM, LUMEN, THRIVE, RETIRED)]

    assert answers == [NEW, NEW, NEW, DUPLICATE, DUPLICATE]
    scopes = [row["scope"] for row in studio.rows("SELECT scope FROM stripe_events ORDER BY scope")]
    assert scopes[0] == 0
    assert len(set(scopes)) == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'[{"id": "evt_1", "type": "x"}]',
        b'"evt_1"',
        b"17",
        b"{}",
        b'{"type": "x"}',
        b'{"id": "evt_1"}',
        b'{"id": 1, "type": "x"}',
        b'{"id": null, "type": "x"}',
        b'{"id": "", "type": "x"}',
        b'{"id": ["evt_1"], "type": "x"}',
        b'{"id": "evt_1", "type": {"a": 1}}',
        b'{"id": "evt\\u0000", "type": "x"}',
        b'{"id": "\\ud800", "type": "x"}',
        b'{"id": "%s", "type": "x"}' % (b"e" * 256),
        b'{"id": "evt_1", "type": "x"} and more',
        b'{"id": "evt_1", "type": "x", "name": "\xff\xfe"}',
        b'\xff\xfe{"id": "evt_1", "type": "x"}',
        b"\x1f\x8b\x08\x00",
        b"id=evt_1&type=x",
        b"[" * 100_000,
        b'{"id": "evt_1", "type": "x", "deep": %s%s}' % (b"[" * 100_000, b"]" * 100_000),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(
    stripe: Stripe, studio: Studio, hints: list[str], payload: bytes
) -> None:
    answer = stripe.post(payload)

    assert refused(answer, 400, "malformed_request")
    assert studio.count("stripe_events") == 0
    assert hints == []


@pytest.mark.parametrize(
    "member",
    [
        b'"client_reference_id": "a\\u0000b"',
        b'"client_reference_id": "\\ud800"',
        b'"client_reference_id": "\xed\xa0\x80"',
        b'"amount_total": NaN',
        b'"amount_total": -Infinity',
        b'"amount_total": 1e999',
        b'"amount_total": 99999999999999999999999999',
        b'"amount_total": %s' % (b"9" * 5_000),
        b'"currency": "TRY", "currency": 7',
        b'"customer": {"id": {"id": {}}}',
        b'"customer_details": {"email": "%s"}' % (b"a" * 600_000),
    ],
)
def test_whatever_stripe_signs_is_stored_and_parked_if_it_cannot_be_read(
    stripe: Stripe, studio: Studio, member: bytes
) -> None:
    told = checkout()
    name = member.partition(b":")[0].strip(b'"').decode()
    del told["data"]["object"][name]
    payload = body(told).replace(b'"object": {', b'"object": {' + member + b", ", 1)

    answer = stripe.post(payload)
    studio.drain()

    assert answer.json == NEW
    row = studio.event(told)
    assert bytes(row["payload"]) == payload
    assert (row["status"], row["error_code"]) == ("FAILED", "unreadable_event")
    assert studio.packages() == []


def test_of_two_members_with_one_name_the_last_counts_here_and_there(stripe: Stripe, studio: Studio) -> None:
    told = checkout()
    payload = b'{"id": "evt_first", "type": "customer.created", ' + body(told)[1:]

    stripe.post(payload)
    studio.drain()

    assert studio.event(told)["status"] == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
def test_a_body_may_have_one_mebibyte(stripe: Stripe, studio: Studio, size: int, status: int) -> None:
    payload = body(event("customer.created", {"id": "cus_1"}))
    payload += b" " * (size - len(payload))

    answer = stripe.post(payload)

    assert answer.status == status
    assert studio.count("stripe_events") == (status == 200)


def test_a_connection_that_was_lost_is_replaced_and_nobody_notices(
    stripe: Stripe, studio: Studio, database_url: str
) -> None:
    stripe.post(intent("pi_1"))
    with psycopg.connect(database_url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'punchcard-intake' AND datname = current_database()"
        ).fetchone()

    answer = stripe.post(intent("pi_2"))

    assert ended
    assert ended[0] >= 1
    assert answer.json == NEW
    assert studio.count("stripe_events") == 2


def test_a_database_that_does_not_answer_is_told_within_two_seconds(
    stripe: Stripe, studio: Studio, database_url: str, hints: list[str]
) -> None:
    told = checkout()
    with psycopg.connect(database_url) as busy:
        busy.execute("LOCK TABLE stripe_events IN ACCESS EXCLUSIVE MODE")
        began = clock.now()
        refusal = stripe.post(told)
        took = clock.now() - began

    again = stripe.post(told)

    assert refused(refusal, 503, "database_unavailable")
    assert refusal.headers["Retry-After"] == "5"
    assert took < timedelta(seconds=1.8)
    assert again.json == NEW
    assert hints == ["stripe"]
    assert studio.count("stripe_events") == 1


def test_a_livemode_that_is_no_boolean_is_not_known(stripe: Stripe, studio: Studio) -> None:
    told = checkout() | {"livemode": "false", "account": 7}

    stripe.post(told)

    row = studio.event(told)
    assert (row["livemode"], row["account"]) == (None, None)
    assert json.loads(bytes(row["payload"])) == told
