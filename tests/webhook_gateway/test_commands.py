"""Commands sent to a gateway as it is served: who waits, leaves or is killed harms nobody else."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.token import mint
from tests import conftest
from tests.served import JWT_SECRET, Answer, Served, answer, environment, request, served
from tests.stack import wait_for
from tests.studio import Studio
from tests.webhook_gateway.finisher import DONE, Finisher, finish
from tests.webhook_gateway.test_hardening import EVENT, is_well, received
from webhook_gateway.gateway import MAX_WAITING

BEYOND = 5
BURST = 300
BODY = json.dumps({"sessionId": 1}).encode()
# Whoever is not told of the end would not look before the test is over.
BLIND = """
import config
from webhook_gateway import server, waiting
waiting.LOOK_SECONDS = 1_000
server.serve(config.load())
"""

# The settings of the environment, so that a studio can be opened.
settings = conftest.settings


@pytest.fixture(scope="module")
def shared_gateway(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("commands")
    argv = (sys.executable, "-c", BLIND)
    with served(environment(database_url, broker_url, folder), folder / "log", argv) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: Served, studio: Studio) -> Served:
    """Give a gateway that listens, and demo studios without a worker."""
    wait_for(lambda: listening(studio), what="its listener")
    return shared_gateway


def listening(studio: Studio) -> list[int]:
    rows = studio.rows(
        "SELECT pid FROM pg_stat_activity"
        " WHERE application_name = 'punchcard-listener' AND datname = current_database()"
        " AND state = 'idle' AND query <> ''"
    )
    return [row["pid"] for row in rows]


def command(sub: str, **headers: str) -> bytes:
    """Return a request to book; `Prefer="…"` and the like add a header."""
    said = {
        "Authorization": f"Bearer {mint(JWT_SECRET, org='lumen', role='student', sub=sub)}",
        "Content-Type": "application/json",
        "Content-Length": str(len(BODY)),
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request("POST", "/api/bookings", (said | named).items(), BODY)


def ids(studio: Studio) -> list[int]:
    return [row["id"] for row in studio.rows("SELECT id FROM jobs ORDER BY id")]


def answered(connections: list[socket.socket]) -> int:
    """Return to how many something was said."""
    poll = select.poll()
    for each in connections:
        poll.register(each, select.POLLIN)
    return len(poll.poll(0))


def told(said: Answer | None) -> tuple[int, Any]:
    assert said
    return said.status, json.loads(said.body)


def looks(gateway: Served) -> dict[str, int]:
    metrics = gateway.get("/metrics")
    assert metrics
    found = re.findall(r'punchcard_job_wakeups_total{by="(\w+)"} (\d+)', metrics.body.decode())
    return {by: int(count) for by, count in found}


def test_forty_wait_and_keep_nobody_else_waiting(gateway: Served, studio: Studio, database_url: str) -> None:
    everybody = MAX_WAITING + BEYOND
    with ExitStack() as stack:
        connections = [stack.enter_context(gateway.connect(seconds=40)) for _ in range(everybody)]
        for number, connection in enumerate(connections):
            connection.sendall(command(f"student-{number}", Prefer="wait=30"))
        wait_for(lambda: len(ids(studio)) == everybody, what="all jobs")
        wait_for(lambda: answered(connections) == BEYOND, what="the answers to those beyond")

        webhooks = [gateway.post(EVENT.replace(b"evt_1", b"evt_%d" % number)) for number in range(30)]
        health = gateway.get("/healthz")
        still = answered(connections)
        finish(database_url, *ids(studio))
        answers = [told(answer(connection)) for connection in connections]

    assert all(received(each) for each in webhooks)
    assert studio.count("stripe_events") == 30
    assert health
    assert health.status == 200
    assert still == BEYOND
    assert [status for status, _ in answers].count(201) == MAX_WAITING
    assert [body["status"] for status, body in answers if status == 202] == ["QUEUED"] * BEYOND


def test_a_burst_of_commands_is_answered_by_notifications_alone(
    gateway: Served, studio: Studio, database_url: str
) -> None:
    before = looks(gateway)

    def ask(number: int) -> int:
        return told(gateway.say(command(f"student-{number % 7}", Prefer="wait=30"), seconds=40))[0]

    with Finisher(database_url), ThreadPoolExecutor(MAX_WAITING - BEYOND) as pool:
        statuses = list(pool.map(ask, range(BURST)))

    assert statuses == [201] * BURST
    assert len(ids(studio)) == BURST
    after = looks(gateway)
    # More where the ids of the test before are known to have ended.
    assert after["notification"] - before.get("notification", 0) >= BURST
    assert after.get("time") == before.get("time")


def test_a_client_that_goes_away_changes_nothing(gateway: Served, studio: Studio, database_url: str) -> None:
    for number in range(MAX_WAITING):
        with gateway.connect() as connection:
            connection.sendall(command("ada", Prefer="wait=30", Idempotency_Key=f"key-{number}"))
            wait_for(lambda: len(ids(studio)) > number, what="the job")  # noqa: B023 - asked at once

    finish(database_url, *ids(studio))
    again = gateway.say(command("ada", Prefer="wait=30", Idempotency_Key='"key-7"'))
    with Finisher(database_url):
        new = gateway.say(command("ada", Prefer="wait=30"))

    assert told(again) == (201, DONE)
    assert again
    assert again.headers["Idempotent-Replayed"] == "true"
    assert told(new) == (201, DONE)
    assert is_well(gateway)


def test_a_listener_that_was_ended_comes_back(gateway: Served, studio: Studio, database_url: str) -> None:
    before = listening(studio)
    with gateway.connect(seconds=40) as connection:
        connection.sendall(command("ada", Prefer="wait=30"))
        wait_for(lambda: ids(studio), what="the job")
        with psycopg.connect(database_url) as other:
            other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [before])
        finish(database_url, *ids(studio))
        first = answer(connection)
    wait_for(lambda: set(listening(studio)) - set(before), what="a new listener")
    with Finisher(database_url):
        second = gateway.say(command("ada", Prefer="wait=30"), seconds=40)

    assert told(first) == (201, DONE)
    assert told(second) == (201, DONE)


def test_a_command_outlives_the_gateway_that_took_it(
    database_url: str, broker_url: str, studio: Studio, tmp_path: Path
) -> None:
    with served(environment(database_url, broker_url, tmp_path), tmp_path / "log") as gateway:
        wait_for(lambda: listening(studio), what="its listener")
        with gateway.connect() as connection:
            connection.sendall(command("ada", Prefer="wait=30", Idempotency_Key="k"))
            wait_for(lambda: ids(studio), what="the job")
            for pid in gateway.processes()[1:]:
                os.kill(pid, signal.SIGKILL)
            lost = answer(connection)
        wait_for(lambda: is_up(gateway), what="the gateway's return")
        with Finisher(database_url):
            again = gateway.say(command("ada", Prefer="wait=30", Idempotency_Key="k"), seconds=40)

    assert lost is None
    assert told(again) == (201, DONE)
    assert len(ids(studio)) == 1


def is_up(gateway: Served) -> bool:
    try:
        health = gateway.get("/healthz")
    except OSError:
        return False
    return health is not None and health.status == 200


def test_a_gateway_stops_while_somebody_waits(
    database_url: str, broker_url: str, studio: Studio, tmp_path: Path
) -> None:
    with served(environment(database_url, broker_url, tmp_path), tmp_path / "log") as gateway:
        with gateway.connect(seconds=40) as connection:
            connection.sendall(command("ada", Prefer="wait=30"))
            wait_for(lambda: ids(studio), what="the job")
            os.kill(gateway.pid, signal.SIGTERM)
            finish(database_url, *ids(studio))

            assert told(answer(connection)) == (201, DONE)
        wait_for(lambda: not listening_of(gateway), what="the end of what served")


def listening_of(gateway: Served) -> bool:
    try:
        gateway.connect().close()
    except OSError:
        return False
    return True
