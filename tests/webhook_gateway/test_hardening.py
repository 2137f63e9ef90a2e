"""A served gateway and what strangers do to it: every attack is refused or cut off, and it goes on serving."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import URL, make_url

from cli.embedded.broker import EmbeddedBroker
from db.schema import upgrade
from tests import conftest
from tests.served import (
    SECRET,
    WEBHOOK,
    Answer,
    Served,
    answer,
    environment,
    event_request,
    request,
    served,
    signature,
)
from tests.stack import wait_for
from tests.stripe_objects import body, checkout, event
from tests.studio import Studio
from webhook_gateway.intake import MAX_BODY
from webhook_gateway.serving import THREADS
from webhook_gateway.signature import sign
from worker import clock

EVENT = b'{"id": "evt_1", "type": "customer.created"}'
MEBIBYTE = 1 << 20
IMPATIENT = "import config; from webhook_gateway.server import serve; serve(config.load(), header_timeout_ms=400)"

# The settings of the environment, so that the events can be drained too.
settings = conftest.settings


@pytest.fixture(scope="module")
def shared_gateway(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(environment(database_url, broker_url, folder), folder / "log") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def impatient(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a gateway that waits for headers no longer than a test can."""
    folder = tmp_path_factory.mktemp("impatient")
    argv = (sys.executable, "-c", IMPATIENT)
    with served(environment(database_url, broker_url, folder), folder / "log", argv) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: Served, studio: Studio) -> Iterator[Served]:
    """Give a gateway that must be well afterwards, without a fault of its own."""
    assert studio
    yield shared_gateway
    assert is_well(shared_gateway)


def is_well(gateway: Served) -> bool:
    health, metrics = gateway.get("/healthz"), gateway.get("/metrics")
    assert health
    assert metrics
    assert b'status="5' not in metrics.body
    return (health.status, json.loads(health.body)) == (200, {"status": "ok"})


def problem(told: Answer | None) -> tuple[int, str]:
    """Return the status and the code of an answer that is a problem."""
    assert told is not None
    assert told.headers["Content-Type"] == "application/problem+json"
    members = json.loads(told.body)
    assert members["status"] == told.status
    return told.status, members["code"]


def received(told: Answer | None) -> bool:
    return told is not None and told.status == 200 and json.loads(told.body)["received"] is True


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_chunked_event_is_taken(gateway: Served, studio: Studio) -> None:
    head = event_request(EVENT, Transfer_Encoding="chunked", Stripe_Signature=signature(EVENT))
    chunks = [chunk(EVENT[place : place + 7]) for place in range(0, len(EVENT), 7)]

    told = gateway.say(head, *chunks, chunk(b""))

    assert received(told)
    assert studio.count("stripe_events") == 1


def test_a_chunked_event_may_be_as_large_as_any_other(gateway: Served, studio: Studio) -> None:
    payload = EVENT + b" " * (MAX_BODY - len(EVENT))
    head = event_request(payload, Transfer_Encoding="chunked", Stripe_Signature=signature(payload))

    taken = gateway.say(
        head, *(chunk(payload[place : place + 50_000]) for place in range(0, MAX_BODY, 50_000)), chunk(b"")
    )
    refused = gateway.say(head, chunk(payload), chunk(b" "), chunk(b""))

    assert received(taken)
    assert problem(refused) == (413, "payload_too_large")
    assert studio.count("stripe_events") == 1


def test_a_large_body_is_refused_before_it_is_sent(gateway: Served, studio: Studio) -> None:
    told = gateway.say(event_request(b"", Content_Length=str(10 * MEBIBYTE)))

    assert problem(told) == (413, "payload_too_large")
    assert studio.count("stripe_events") == 0


def test_a_large_body_is_refused_whole_too(gateway: Served, studio: Studio) -> None:
    before = gateway.peak_memory()

    told = gateway.say(event_request(b" " * 10 * MEBIBYTE))

    assert told is None or problem(told) == (413, "payload_too_large")
    assert gateway.peak_memory() - before < 8 * MEBIBYTE
    assert studio.count("stripe_events") == 0


def test_a_body_without_an_end_is_cut_off(gateway: Served, studio: Studio) -> None:
    before = gateway.peak_memory()
    piece = chunk(b"x" * 65_536)
    sent = 0

    with gateway.connect() as connection:
        connection.sendall(event_request(b"", Transfer_Encoding="chunked"))
        with suppress(ConnectionError):
            while sent < 500 * MEBIBYTE:
                connection.sendall(piece)
                sent += len(piece)
        told = answer(connection)

    assert sent < 100 * MEBIBYTE
    assert told is None or problem(told) == (413, "payload_too_large")
    assert gateway.peak_memory() - before < 16 * MEBIBYTE
    assert studio.count("stripe_events") == 0


def test_a_body_that_ends_too_early_is_no_event(gateway: Served, studio: Studio) -> None:
    with gateway.connect() as connection:
        connection.sendall(event_request(EVENT)[:-1])

    assert is_well(gateway)
    assert studio.count("stripe_events") == 0


def test_clients_that_dawdle_over_their_bodies_do_not_keep_others_waiting(gateway: Served, studio: Studio) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS - 8):
            connection = stack.enter_context(gateway.connect())
            connection.sendall(event_request(EVENT)[:-1])
        began = time.monotonic()

        told = gateway.post(EVENT)

    assert received(told)
    assert time.monotonic() - began < 2
    assert studio.count("stripe_events") == 1


@pytest.mark.parametrize("head", [b"", b"POST", b"GET /healthz HTTP/1.1\r\n", event_request(EVENT)[:90]])
def test_clients_that_dawdle_over_their_headers_are_given_up(impatient: Served, studio: Studio, head: bytes) -> None:
    with impatient.connect(seconds=3) as connection:
        connection.sendall(head)

        told = answer(connection)

    assert told is None or told.status == 408
    assert studio.count("stripe_events") == 0


def test_a_client_that_drips_its_headers_is_given_up_too(impatient: Served) -> None:
    began = time.monotonic()

    with impatient.connect() as connection, suppress(ConnectionError):
        while time.monotonic() - began < 3:
            connection.sendall(b"X")
            time.sleep(0.05)

    assert time.monotonic() - began < 2
    assert impatient.get("/healthz")


@pytest.mark.parametrize(
    ("payload", "headers"),
    [
        (b"\x1f\x8b\x08\x00garbage", {"Content_Encoding": "gzip"}),
        (b"", {}),
        (b"[]", {}),
        (b'"evt_1"', {}),
        (b"17", {}),
        (b'{"type": "x"}', {}),
        (b'{"id": 7, "type": "x"}', {}),
        (b'{"id": "evt_1", "type": "x", "name": "\xff"}', {}),
        (b'{"id": "evt_1", "type": "x", "deep": %s%s}' % (b"[" * 100_000, b"]" * 100_000), {}),
        (b'{"a":' * 100_000, {}),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(
    gateway: Served, studio: Studio, payload: bytes, headers: dict[str, str]
) -> None:
    told = gateway.say(event_request(payload, **headers))

    assert problem(told) == (400, "malformed_request")
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize(
    "member",
    [
        b'"client_reference_id": "a\\u0000b"',
        b'"client_reference_id": "\\ud800"',
        b'"amount_total": NaN',
        b'"amount_total": %s' % (b"9" * 5_000),
        b'"currency": "try", "currency": []',
    ],
)
def test_what_the_database_could_not_hold_is_stored_as_it_is_and_parked(
    gateway: Served, studio: Studio, member: bytes
) -> None:
    told = checkout()
    del told["data"]["object"][member.partition(b":")[0].strip(b'"').decode()]
    payload = body(told).replace(b'"object": {', b'"object": {' + member + b", ", 1)

    answers = [gateway.post(payload), gateway.post(payload)]
    studio.drain()

    assert all(map(received, answers))
    row = studio.event(told)
    assert bytes(row["payload"]) == payload
    assert (row["status"], row["error_code"]) == ("FAILED", "unreadable_event")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1,v1=é",
        "t=1,v1=\xff\xfe",
        "t=1" + ",v1=00" * 1_000,
        "a" * 5_000,
        pytest.param(sign(EVENT, "whsec_wrong", at=clock.now()), id="another secret"),
        pytest.param(sign(EVENT, SECRET, at=clock.now()).replace("v1=", "v0="), id="another scheme"),
    ],
)
def test_what_is_no_signature_is_refused(gateway: Served, studio: Studio, header: str) -> None:
    told = gateway.say(event_request(EVENT, Stripe_Signature=header))

    assert problem(told) == (400, "signature_invalid")
    assert studio.count("stripe_events") == 0


def test_two_signature_headers_are_none(gateway: Served, studio: Studio) -> None:
    twice = request("POST", WEBHOOK, [("Stripe-Signature", signature(EVENT))] * 2 + [("Content-Length", "43")], EVENT)

    told = gateway.say(twice)

    assert len(EVENT) == 43
    assert problem(told) == (400, "signature_invalid")
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize("name", ["X-Large", "Stripe-Signature", "Cookie"])
def test_a_header_of_a_megabyte_is_refused(gateway: Served, studio: Studio, name: str) -> None:
    before = gateway.peak_memory()

    told = gateway.say(event_request(EVENT, **{name: "a" * MEBIBYTE}))

    assert told is None or told.status in {400, 431}
    assert gateway.peak_memory() - before < 8 * MEBIBYTE
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"POST /webhooks/stripe HTTP/9.9\r\n\r\n",
        b"\0" * 100,
        event_request(EVENT, Content_Length="-1"),
        event_request(EVENT, Content_Length="1e3"),
        event_request(EVENT, **{"Content-Length ": "5"}),
        event_request(EVENT, Content_Length="5\r\nContent-Length: 6"),
        event_request(EVENT, **{f"X-{number}": "" for number in range(500)}),
        event_request(EVENT, X_Folded="a\r\n b\0"),
    ],
)
def test_what_is_not_http_is_cut_off(gateway: Served, studio: Studio, raw: bytes) -> None:
    told = gateway.say(raw)

    assert told is None or told.status in {400, 431, 505}
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", [WEBHOOK, f"{WEBHOOK}/lumen"])
def test_only_post_is_taken(gateway: Served, studio: Studio, method: str, path: str) -> None:
    told = gateway.say(event_request(EVENT, method=method, path=path))

    assert problem(told) == (405, "method_not_allowed")
    assert told
    assert "POST" in told.headers["Allow"]
    assert studio.count("stripe_events") == 0


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_the_signature_counts_and_not_the_media_type(gateway: Served, studio: Studio, media: str) -> None:
    told = gateway.say(event_request(EVENT, Content_Type=media))

    assert received(told)
    assert studio.count("stripe_events") == 1


@pytest.mark.parametrize(
    "path", [f"{WEBHOOK}/%00", f"{WEBHOOK}/%ff", f"{WEBHOOK}/..%2f..", f"{WEBHOOK}/" + "a" * 60_000]
)
def test_a_path_that_no_organization_has_is_refused(gateway: Served, studio: Studio, path: str) -> None:
    told = gateway.post(EVENT, path)

    assert told
    assert told.status in {400, 403, 404, 414}
    assert studio.count("stripe_events") == 0


@pytest.fixture
def later(server_url: str) -> Iterator[URL]:
    """Give the address of a database that is not there yet."""
    url = make_url(server_url).set(database=f"later_{os.getpid()}")
    yield url
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {url.database} WITH (FORCE)")


def create(url: URL, server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {url.database}")
    upgrade(url.render_as_string(hide_password=False))


def test_a_database_that_is_away_is_told_in_time_and_taken_up_when_it_is_back(
    server_url: str, later: URL, broker_url: str, tmp_path: Path
) -> None:
    environ = environment(later.render_as_string(hide_password=False), broker_url, tmp_path)
    with served(environ, tmp_path / "log") as gateway:
        refusals, took = [], []
        # Long enough for a pool that waits longer after each failure to wait too long.
        for path in (WEBHOOK, f"{WEBHOOK}/lumen", WEBHOOK, WEBHOOK, WEBHOOK):
            began = time.monotonic()
            refusals.append(gateway.post(EVENT, path))
            took.append(time.monotonic() - began)
        alive = gateway.get("/healthz")
        create(later, server_url)

        wait_for(lambda: received(gateway.post(EVENT)), seconds=1.9, what="the database's return")

    assert [problem(refusal) for refusal in refusals] == [(503, "database_unavailable")] * 5
    assert max(took) < 2
    assert alive
    assert alive.status == 200


def test_a_port_where_no_database_listens(broker_url: str, tmp_path: Path) -> None:
    environ = environment("postgresql://somebody:hidden-password@127.0.0.1:1/none", broker_url, tmp_path)
    with served(environ, tmp_path / "log") as gateway:
        began = time.monotonic()

        told = gateway.post(EVENT)

    assert problem(told) == (503, "database_unavailable")
    assert told
    assert told.headers["Retry-After"] == "5"
    assert time.monotonic() - began < 2.5
    assert "hidden-password" not in (tmp_path / "log").read_text()


def test_a_broker_that_is_away_costs_no_event_and_no_time(database_url: str, studio: Studio, tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        pass
    with served(environment(database_url, broker.url, tmp_path), tmp_path / "log") as gateway:
        began = time.monotonic()
        answers = [gateway.post(body(event("customer.created", {"id": "cus_1"}))) for _ in range(20)]
        took = time.monotonic() - began
        with EmbeddedBroker(tmp_path / "broker") as again, closing(redis.Redis.from_url(again.url)) as client:
            assert again.url == broker.url

            wait_for(lambda: received(gateway.post(EVENT)) and client.llen("stripe"), what="a hint")

    assert all(map(received, answers))
    assert took < 2
    assert studio.count("stripe_events") == 21
