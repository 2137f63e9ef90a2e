"""A gateway that is killed, or loses what the database answered, around the commit of an event."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.crew import PATIENCE, Crew, forget_hints
from tests.chaos.proxy import Proxy
from tests.served import Answer, Served, environment, served
from tests.stack import wait_for
from tests.stripe_objects import body, checkout
from tests.studio import Studio

EVENT = checkout()
BODY = body(EVENT)


def told(answer: Answer | None) -> tuple[int, bool | None]:
    """Return the status, and whether the event was called a duplicate."""
    assert answer is not None
    return answer.status, json.loads(answer.body).get("duplicate")


def killed_amid(gateway: Served, proxy: Proxy, *, at: bytes) -> Answer | None:
    """Post the event, kill the gateway once the line to its database goes dark, and return what came back."""
    before, proxy.dark_at = proxy.dark, at
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(gateway.post, BODY)
        wait_for(lambda: proxy.dark > before, seconds=PATIENCE, what="the statement")
        for pid in gateway.processes():
            os.kill(pid, signal.SIGKILL)
        proxy.dark_at = None
        return answer.result()


@pytest.fixture(scope="module")
def environ(proxied_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(proxied_url, broker_url, tmp_path_factory.mktemp("gateway") / "home")


@pytest.fixture(scope="module")
def shared(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(environ, tmp_path_factory.mktemp("gateway") / "log") as each:
        yield each


@pytest.fixture
def gateway(shared: Served, studio: Studio) -> Served:
    return connected(shared, studio)


@pytest.fixture
def mortal(environ: dict[str, str], studio: Studio, tmp_path: Path) -> Iterator[Served]:
    """Give a gateway that a test may kill."""
    with served(environ, tmp_path / "mortal.log") as each:
        yield connected(each, studio)


def connected(gateway: Served, studio: Studio) -> Served:
    """Return a gateway that has a connection to its database, through the proxy."""
    wait_for(lambda: told(gateway.post(body(checkout(payment="pi_first"))))[0] == 200, seconds=PATIENCE)
    studio.rows("DELETE FROM stripe_events")
    return gateway


def test_a_gateway_killed_after_the_commit_is_made_up_for_by_the_sweeper(
    studio: Studio, mortal: Served, proxy: Proxy, crew: Crew, environ: dict[str, str], broker_url: str, tmp_path: Path
) -> None:
    answer = killed_amid(mortal, proxy, at=b"INSERT 0")

    assert answer is None or answer.status == 503
    assert studio.count("stripe_events") == 1
    # Nobody hinted at it, at the earlier one somebody did; and Stripe has not sent it again.
    forget_hints(broker_url)
    crew.worker()
    crew.beat()
    wait_for(studio.packages, seconds=PATIENCE, what="the package")
    with served(environ, tmp_path / "next.log") as following:
        assert told(following.post(BODY)) == (200, True)
    assert studio.count("stripe_events") == 1
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_gateway_killed_before_the_commit_leaves_nothing_and_the_next_one_takes_the_event(
    studio: Studio, mortal: Served, proxy: Proxy, environ: dict[str, str], tmp_path: Path
) -> None:
    # The event's bytes are a parameter of the statement, which does not arrive.
    answer = killed_amid(mortal, proxy, at=EVENT["id"].encode())

    assert answer is None or answer.status == 503
    assert studio.count("stripe_events") == 0
    with served(environ, tmp_path / "next.log") as following:
        assert told(following.post(BODY)) == (200, False)
    studio.drain()
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_an_event_whose_commit_is_unknown_is_stored_once(studio: Studio, gateway: Served, proxy: Proxy) -> None:
    proxy.losses = 1

    # Asked once more, the database has it already.
    assert told(gateway.post(BODY)) == (200, True)

    assert proxy.losses == 0
    assert studio.count("stripe_events") == 1


def test_an_event_that_cannot_be_asked_for_is_not_acknowledged_and_sent_again_is_stored_once(
    studio: Studio, gateway: Served, proxy: Proxy
) -> None:
    proxy.losses = 2

    assert told(gateway.post(BODY))[0] == 503
    assert told(gateway.post(BODY)) == (200, True)

    assert proxy.losses == 0
    assert studio.count("stripe_events") == 1
    studio.drain()
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_slow_database_slows_and_loses_nothing(studio: Studio, gateway: Served, proxy: Proxy) -> None:
    proxy.delay = 0.3
    try:
        answers = [told(gateway.post(body(checkout(payment=f"pi_{number}")))) for number in range(3)]
    finally:
        proxy.delay = 0

    assert answers == [(200, False)] * 3
    assert studio.count("stripe_events") == 3
