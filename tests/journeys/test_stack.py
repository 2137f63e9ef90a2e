"""The whole stack as its own processes: a payment becomes a package, whatever dies on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.stack import Stack, running, wait_for
from tests.stripe_objects import body, checkout, intent


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack") / "home") as each:
        yield each


def count(stack: Stack, table: str) -> int:
    with psycopg.connect(stack.database_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def products(stack: Stack, student: str) -> list[str]:
    return [each["productCode"] for each in stack.holdings(stack.token(sub=student))]


def test_the_printed_command_sends_a_purchase_and_its_package_shows_up(stack: Stack) -> None:
    welcome = stack.log.read_text()
    token = next(line.split(": ")[1] for line in welcome.splitlines() if line.startswith("student token"))
    command = next(line.split() for line in welcome.splitlines() if "stripe send" in line)

    sent = stack.run(*command[1:])
    began = time.monotonic()
    held = wait_for(lambda: stack.holdings(token), what="the package")

    # Hinted, not swept: the sweeper comes every five seconds.
    assert time.monotonic() - began < 3
    assert sent.stdout == '200 {"received": true, "duplicate": false}\n'
    assert held[0]["productCode"] == "EXPLORER-5"
    assert held[0]["balances"][0]["remaining"] == 5
    assert wait_for(lambda: list((stack.home / "mail").glob("*.eml")), what="the receipt")


def test_sent_again_it_is_a_duplicate_and_fresh_it_is_another_purchase(stack: Stack) -> None:
    before = len(products(stack, "demo-student"))

    again = stack.run("stripe", "send", "examples/lumen-explorer-5.json", "--repeat", "3")
    fresh = stack.run("stripe", "send", "examples/lumen-explorer-5.json", "--fresh")

    assert again.stdout.count('"duplicate": true') >= 2
    assert fresh.stdout == '200 {"received": true, "duplicate": false}\n'
    wait_for(lambda: len(products(stack, "demo-student")) > before, what="the second package")


def test_250_purchases_told_twice_in_random_order_are_250_packages(stack: Stack) -> None:
    before = count(stack, "student_packages")
    bodies = [
        body(event)
        for number in range(250)
        for event in (
            checkout(payment=f"pi_many_{number}", student=f"many-{number % 50}"),
            intent(f"pi_many_{number}"),
        )
    ]
    bodies += random.Random(3).choices(bodies, k=100)
    random.Random(4).shuffle(bodies)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(stack.post_event, bodies))

    wait_for(lambda: count(stack, "student_packages") == before + 250, seconds=30, what="250 packages")
    wait_for(lambda: count(stack, "stripe_events WHERE status = 'RECEIVED'") == 0, seconds=30, what="no event left")
    assert set(answers) == {200}
    assert stack.run("audit").returncode == 0
    assert json.loads(stack.run("audit", "--json").stdout)[0]["violations"] == 0


@pytest.mark.parametrize("name", ["worker", "gateway", "beat", "valkey", "postgres"])
def test_a_process_that_is_killed_is_started_again_and_nothing_is_lost(stack: Stack, name: str) -> None:
    student = f"after-{name}"
    event = body(checkout("CORE-10", payment=f"pi_{student}", student=student, amount=800_000))
    pid = stack.children()[name][0]

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid not in stack.children().get(name, [pid]), what=f"a new {name}")
    wait_for(lambda: stack.post_event(event) == 200, seconds=30, what="an answer")

    wait_for(lambda: stack.get("/readyz")[0] == 200, seconds=30, what="readiness")
    wait_for(lambda: products(stack, student) == ["CORE-10"], what="the package")
    assert stack.run("audit").returncode == 0


def test_a_database_that_hangs_is_told_in_time_and_taken_up_when_it_answers(stack: Stack) -> None:
    event = body(checkout("CORE-10", payment="pi_hung", student="after-hang", amount=800_000))
    main = stack.children()["postgres"][0]
    servers = [main, *stack.offspring(main)]

    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answers = [stack.post_event(event) for _ in range(3)]
        took = time.monotonic() - began
    finally:
        for pid in reversed(servers):
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stack.post_event(event) == 200, seconds=30, what="an answer")

    assert answers == [503] * 3
    assert took < 3 * 2.5
    wait_for(lambda: products(stack, "after-hang") == ["CORE-10"], what="the package")
    assert stack.run("audit").returncode == 0


def test_two_stacks_run_side_by_side_and_know_nothing_of_each_other(stack: Stack, tmp_path: Path) -> None:
    with running(tmp_path / "other home") as other:
        sent = other.run("stripe", "send", "examples/lumen-elite-30.json")

        wait_for(lambda: products(other, "demo-student") == ["ELITE-30"], what="the package")

        assert sent.returncode == 0
        assert "ELITE-30" not in products(stack, "demo-student")
        assert stack.secret != other.secret


def test_stopped_cleanly_or_killed_whole_it_starts_again_on_its_data(tmp_path: Path) -> None:
    with running(tmp_path / "home") as stack:
        stack.run("stripe", "send", "examples/lumen-explorer-5.json")
        wait_for(lambda: products(stack, "demo-student"), what="the package")

        stopped = stack.stop(signal.SIGINT)
        nothing_runs = stack.run("audit")
        stack.start()
        after_stop = products(stack, "demo-student")

        assert stack.process is not None
        everyone = [stack.process.pid, *(pid for pids in stack.children().values() for pid in pids)]
        for pid in everyone:
            os.kill(pid, signal.SIGKILL)
        stack.process.wait(10)
        stack.start()

        assert stopped in {0, 130}
        assert nothing_runs.returncode == 2
        assert "punchcard up" in nothing_runs.stderr
        assert after_stop == products(stack, "demo-student") == ["EXPLORER-5"]
        assert stack.run("audit").returncode == 0
        assert stack.stop(signal.SIGTERM) in {0, 130}
