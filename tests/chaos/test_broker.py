"""A broker that is full, lies, or is written to by strangers: it can wake work, and nothing else."""

from __future__ import annotations

import base64
import json
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from kombu import Connection, Exchange, Queue

from tests.chaos.crew import PATIENCE
from tests.chaos.flow import held
from tests.stack import Stack, wait_for
from tests.stripe_objects import body, checkout

CANARY = "canary@example.com"


@pytest.fixture
def broker(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.broker_url) as client:
        yield client


def buy(stack: Stack, student: str) -> None:
    """Send a purchase, and wait until it is a package."""
    event = checkout("CORE-10", payment=f"pi_{student}", student=student, amount=800_000, email=CANARY)
    began = time.monotonic()
    assert stack.post_event(body(event)) == 200
    assert time.monotonic() - began < 2
    wait_for(lambda: student in held(stack, student), seconds=PATIENCE, what=f"the package of {student}")


def message(task: str, content: bytes, content_type: str) -> str:
    """Return a message as the transport keeps it."""
    return json.dumps(
        {
            "body": base64.b64encode(content).decode(),
            "content-encoding": "utf-8" if content_type == "application/json" else "binary",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": str(uuid4()), "argsrepr": "", "kwargsrepr": ""},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "stripe"},
                "delivery_tag": str(uuid4()),
                "body_encoding": "base64",
            },
        }
    )


def test_garbage_on_a_queue_is_survived(stack: Stack, broker: redis.Redis) -> None:
    broker.lpush("stripe", "garbage", "{}", b"\xff\xfe")

    buy(stack, "after-garbage")


def test_forged_messages_do_nothing_that_is_not_due(stack: Stack, broker: redis.Redis) -> None:
    forged = json.dumps([[1, 2, 3], {"row_id": 1, "organization": "thrive"}, {}]).encode()
    for task in ("stripe.drain", "no.such.task", "celery.backend_cleanup"):
        broker.lpush("stripe", message(task, forged, "application/json"))

    buy(stack, "after-forgery")

    assert stack.run("audit").returncode == 0


def test_a_pickle_is_refused_and_nothing_of_it_runs(stack: Stack, broker: redis.Redis, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Touch:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return (Path.touch, (trace,))

    broker.lpush("stripe", message("stripe.drain", pickle.dumps([[Touch()], {}, {}]), "application/x-python-serialize"))

    buy(stack, "after-pickle")

    assert not trace.exists()


def test_a_full_broker_costs_no_event_and_no_time(stack: Stack, broker: redis.Redis) -> None:
    broker.config_set("maxmemory", "1mb")
    try:
        assert stack.post_event(body(checkout("CORE-10", payment="pi_full", student="full", amount=800_000))) == 200
    finally:
        broker.config_set("maxmemory", "0")

    buy(stack, "after-full")
    wait_for(lambda: "full" in held(stack, "full"), seconds=PATIENCE, what="the package sent to a full broker")


def test_a_broker_that_forgets_everything_costs_a_sweep_at_most(stack: Stack, broker: redis.Redis) -> None:
    over = threading.Event()

    def forget() -> None:
        while not over.wait(0.05):
            broker.flushall()

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    try:
        for number in range(3):
            event = checkout("CORE-10", payment=f"pi_forgot_{number}", student=f"forgot-{number}", amount=800_000)
            assert stack.post_event(body(event)) == 200
        time.sleep(1)
    finally:
        over.set()
        forgetting.join()

    wait_for(lambda: len(held(stack, "forgot-%")) == 3, seconds=PATIENCE, what="three packages")


def test_what_passes_the_broker_and_the_log_names_no_person_and_no_secret(stack: Stack, broker: redis.Redis) -> None:
    seen: list[str] = []
    events = Queue("test.canary", Exchange("punchcard.events", type="topic"), routing_key="#")
    with Connection(stack.broker_url) as connection, broker.monitor() as monitor:  # type: ignore[no-untyped-call]
        events(connection.channel()).declare()
        listener = threading.Thread(target=lambda: seen.extend(_listen(monitor, 4)), daemon=True)
        listener.start()
        buy(stack, "canary")
        stack.post_event(body(checkout("NO-SUCH-PRODUCT", payment="pi_bad", email=CANARY)))
        stack.post_event(b'{"id": "evt_1", "type": "checkout.session.completed", "data": "' + CANARY.encode() + b'"}')
        listener.join(10)

    told = "\n".join(seen)
    log = stack.log.read_text()
    assert "stripe.drain" in told
    assert "package.fulfilled" in told
    for secret in (CANARY, stack.secret, stack.secret.removeprefix("whsec_")):
        assert secret not in told
        assert base64.b64encode(secret.encode()).decode()[:-4] not in told
        assert secret not in log


def _listen(monitor: Any, seconds: float) -> list[str]:
    """Return the commands that a broker got within some seconds, with the bodies of messages decoded."""
    end, commands = time.monotonic() + seconds, []
    while time.monotonic() < end:
        command = str(monitor.next_command()["command"])
        commands.append(command)
    return commands
