"""The supervisor with real children: small shell scripts that die, linger, or will not stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer

import psycopg
import pytest
import redis

from cli.embedded.broker import EmbeddedBroker
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.process import command_line, wait_until
from cli.supervisor import Child, Supervisor

SUPERVISE = """
import os, sys
from cli.supervisor import Child, Supervisor

with Supervisor([Child("sleeper", ["/bin/sh", "-c", sys.argv[1]], dict(os.environ))]) as supervisor:
    supervisor.watch()
"""


@pytest.fixture(autouse=True)
def _a_terminal_that_may_close() -> Iterator[None]:
    """Heed SIGHUP, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def shell(script: str, name: str = "child") -> Child:
    return Child(name, ["/bin/sh", "-c", script], dict(os.environ))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def has_lines(path: Path, count: int) -> Callable[[], bool]:
    return lambda: len(lines(path)) >= count


def is_gone(pid: int) -> bool:
    return not any(command_line(pid))


def signal_ourselves(signum: int, *, after: float) -> None:
    Timer(after, os.kill, (os.getpid(), signum)).start()


def test_a_child_that_is_killed_starts_again_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pids = tmp_path / "pids"
    with Supervisor([shell(f"echo $$ >> '{pids}'; exec sleep 60", "worker")]) as supervisor:
        assert supervisor.watch(has_lines(pids, 1), patience=5)

        os.kill(int(lines(pids)[0]), signal.SIGKILL)

        assert supervisor.watch(has_lines(pids, 2), patience=10)
    assert caplog.messages == ["worker was killed by signal 9 (Killed); it starts again now"]


def test_a_child_that_dies_of_its_start_waits_longer_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = tmp_path / "times"
    with Supervisor([shell(f"date +%s.%N >> '{times}'; exit 3")]) as supervisor:
        assert supervisor.watch(has_lines(times, 4), patience=10)

    _, second, third = (after - before for before, after in pairwise(map(float, lines(times)[:4])))
    assert second >= 0.5
    assert third >= 1
    assert caplog.messages[:2] == [
        "child exited with code 3; it starts again now",
        "child exited with code 3; it starts again in 0.5 s",
    ]


def test_what_a_dead_child_had_started_does_not_outlive_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with Supervisor([shell(f"sleep 60 & echo $! >> '{pids}'; exit 1")]) as supervisor:
        assert supervisor.watch(has_lines(pids, 2), patience=5)

        assert supervisor.watch(lambda: is_gone(int(lines(pids)[0])), patience=5)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_children_finish(tmp_path: Path, signum: int) -> None:
    farewell, ready = tmp_path / "farewell", tmp_path / "ready"
    script = f"trap 'sleep 0.3; echo bye >> \"{farewell}\"; exit' TERM; touch '{ready}'; while :; do sleep 0.1; done"
    with Supervisor([shell(script)]) as supervisor:
        assert supervisor.watch(ready.exists, patience=5)
        signal_ourselves(signum, after=0.1)

        assert not supervisor.watch(patience=5)
        assert supervisor.asked_to_stop

    assert lines(farewell) == ["bye"]


def test_a_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    supervisor = Supervisor([shell(f"trap '' TERM; echo $$ >> '{pids}'; while :; do sleep 0.1; done")])
    with supervisor:
        assert supervisor.watch(has_lines(pids, 1), patience=5)
        signal_ourselves(signal.SIGINT, after=0.1)
        signal_ourselves(signal.SIGTERM, after=0.4)
        signal_ourselves(signal.SIGINT, after=1.0)
        supervisor.watch(patience=5)
        asked = time.monotonic()

    assert 0.7 < time.monotonic() - asked < 5, "the SIGTERM in between did not hurry it, the Ctrl-C did"
    assert is_gone(int(lines(pids)[0]))


def test_a_terminals_ctrl_c_does_not_reach_the_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with Supervisor([shell(f"echo $$ >> '{pids}'; exec sleep 60")]) as supervisor:
        assert supervisor.watch(has_lines(pids, 1), patience=5)

        assert os.getsid(int(lines(pids)[0])) != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_children_die_with_a_supervisor_that_is_killed() -> None:
    with Popen([sys.executable, "-c", SUPERVISE, "echo $$; exec sleep 60"], stderr=PIPE) as process:
        assert process.stderr
        child = int(process.stderr.readline())

        process.kill()

        assert wait_until(lambda: is_gone(child), patience=5)


def test_the_handlers_of_signals_are_as_before() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)

    with Supervisor([shell("exec sleep 60")]):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN

    assert signal.signal(signal.SIGTERM, before) is signal.SIG_IGN


def test_a_broker_that_dies_comes_back_where_it_was(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker, Supervisor([], [broker]) as supervisor:
        url, dead = broker.url, broker.process.pid

        os.kill(dead, signal.SIGKILL)

        assert supervisor.watch(lambda: broker.process.pid != dead and _pings(url), patience=5)
        assert broker.url == url


def test_a_postgres_that_dies_comes_back_with_its_rows(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as postgres, Supervisor([], [postgres]) as supervisor:
        with psycopg.connect(postgres.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        dead = postgres.process.pid

        os.kill(dead, signal.SIGKILL)

        assert supervisor.watch(lambda: postgres.process.pid != dead and _has_its_row(postgres.url), patience=20)
    assert postgres.process.returncode == 0


def _pings(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.ConnectionError:
        return False


def _has_its_row(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    except psycopg.OperationalError:
        return False
