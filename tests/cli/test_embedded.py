"""The embedded PostgreSQL and broker: real servers, started, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import psycopg
import pytest
import redis

from cli.embedded.broker import EmbeddedBroker
from cli.embedded.environment import generated_secrets, published
from cli.embedded.folders import server_owner
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.process import StartError, command_line, kill, spawn, wait_until
from config import ConfigError, read_env_file

RUN_BOTH = """
import sys
from pathlib import Path
from cli.embedded.broker import EmbeddedBroker
from cli.embedded.postgres import EmbeddedPostgres

home = Path(sys.argv[1])
with EmbeddedPostgres(home / "postgres") as postgres, EmbeddedBroker(home / "broker") as broker:
    print(postgres.process.pid, broker.process.pid, flush=True)
    sys.stdin.read()
"""


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 + 1 AS answer")


def is_gone(pid: int) -> bool:
    return not any(command_line(pid))


@contextmanager
def another_process_runs_both(home: Path) -> Iterator[tuple[Popen[bytes], int, int]]:
    with Popen([sys.executable, "-c", RUN_BOTH, str(home)], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout
        postgres, broker = map(int, process.stdout.readline().split())
        try:
            yield process, postgres, broker
        finally:
            process.kill()
    for server in (EmbeddedPostgres(home / "postgres"), EmbeddedBroker(home / "broker")):
        shutil.rmtree(server.runtime, ignore_errors=True)


def test_a_database_keeps_its_rows_from_one_start_to_the_next(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as first:
        write_a_row(first.url)
    with EmbeddedPostgres(tmp_path / "postgres") as second:
        assert ask(second.url, "SELECT answer FROM kept") == 42
        assert ask(second.url, "SHOW fsync") == "on"
        assert ask(second.url, "SHOW listen_addresses") == ""

    assert second.process.returncode == 0
    assert not second.runtime.exists()


def test_the_servers_start_again_after_everything_was_killed(tmp_path: Path) -> None:
    with another_process_runs_both(tmp_path) as (parent, postgres, broker):
        write_a_row(EmbeddedPostgres(tmp_path / "postgres").url)
        for pid in (parent.pid, postgres, broker):
            os.kill(pid, signal.SIGKILL)
    assert (tmp_path / "postgres" / "postmaster.pid").exists()

    with EmbeddedPostgres(tmp_path / "postgres") as again, EmbeddedBroker(tmp_path / "broker") as broker_again:
        assert ask(again.url, "SELECT answer FROM kept") == 42
        assert redis.Redis.from_url(broker_again.url).ping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_servers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with another_process_runs_both(tmp_path) as (parent, postgres, broker):
        parent.kill()

        assert wait_until(lambda: is_gone(postgres) and is_gone(broker), patience=10)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists(), "it was shut down and not cut off"


def test_a_server_that_a_killed_run_left_running_gives_way(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as leftover:
        write_a_row(leftover.url)
        with EmbeddedPostgres(tmp_path / "postgres") as successor:
            assert leftover.process.wait(10) == 0
            assert ask(successor.url, "SELECT answer FROM kept") == 42


def test_a_stranger_who_got_the_number_of_the_last_server_is_left_alone(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres"):
        lock = (tmp_path / "postgres" / "postmaster.pid").read_text()
    stranger = spawn(["/bin/sleep", "60"], env={}, owner=server_owner())
    (tmp_path / "postgres" / "postmaster.pid").write_text(lock.replace(lock.split("\n")[0], str(stranger.pid), 1))

    try:
        with EmbeddedPostgres(tmp_path / "postgres") as postgres:
            assert ask(postgres.url, "SELECT 1") == 1
            assert stranger.poll() is None
    finally:
        kill(stranger)


def test_two_stacks_run_side_by_side_in_long_folders_with_spaces(tmp_path: Path) -> None:
    homes = [tmp_path / ("a long name with spaces " * 6 + side) for side in ("left", "right")]

    with ExitStack() as stack:
        databases = [stack.enter_context(EmbeddedPostgres(home / "postgres")) for home in homes]
        brokers = [stack.enter_context(EmbeddedBroker(home / "broker")) for home in homes]
        write_a_row(databases[0].url)

        assert ask(databases[1].url, "SELECT to_regclass('kept')") is None
        assert brokers[0].port != brokers[1].port


def test_a_server_that_cannot_start_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        settings = postgres.data / "postgresql.conf"
    settings.write_text("no_such_setting = 1\n")

    with pytest.raises(StartError, match=r"did not start: .* contains errors .*postgres\.log"), postgres:
        pass
    assert is_gone(postgres.process.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else")
@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedBroker])
def test_a_folder_of_another_user_is_refused(tmp_path: Path, server: type[EmbeddedPostgres | EmbeddedBroker]) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 54321, 54321)

    with pytest.raises(ConfigError, match="belongs to user 54321"), server(tmp_path / "data"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
def test_root_does_not_run_the_servers(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as postgres, EmbeddedBroker(tmp_path / "broker") as broker:
        owners = {Path(f"/proc/{server.process.pid}").stat().st_uid for server in (postgres, broker)}

    assert owners == {server_owner()[0]}


def test_the_broker_comes_back_on_its_port_and_forgets_nothing_for_want_of_room(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as first:
        client = redis.Redis.from_url(first.url, decode_responses=True)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
    with EmbeddedBroker(tmp_path / "broker") as second:
        assert second.url == first.url


def test_the_broker_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as first:
        pass
    with (
        socket.create_server(("127.0.0.1", first.port)),
        EmbeddedBroker(tmp_path / "broker") as second,
    ):
        assert second.port != first.port
        assert redis.Redis.from_url(second.url).ping()


def test_secrets_are_made_once_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    secrets = generated_secrets(tmp_path, {})

    assert secrets["STRIPE_WEBHOOK_SECRETS"].startswith("whsec_")
    assert len(bytes.fromhex(secrets["JWT_SECRET"])) == 32
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert generated_secrets(tmp_path, {}) == secrets == read_env_file(tmp_path)


def test_no_jwt_secret_is_made_for_tokens_that_somebody_else_signs(tmp_path: Path) -> None:
    secrets = generated_secrets(tmp_path, {"JWT_JWKS_URL": "https://login.example/jwks"})

    assert list(secrets) == ["STRIPE_WEBHOOK_SECRETS"]


def test_the_addresses_are_in_the_file_only_while_the_stack_runs(tmp_path: Path) -> None:
    secrets = generated_secrets(tmp_path, {})
    addresses = {"DATABASE_URL": "postgresql:///here?host=/a=b", "BROKER_URL": "redis://127.0.0.1:1"}

    with published(tmp_path, addresses):
        assert read_env_file(tmp_path) == {**secrets, **addresses}

    assert read_env_file(tmp_path) == secrets


def test_the_addresses_of_a_run_that_was_killed_are_forgotten_at_the_next_start(tmp_path: Path) -> None:
    secrets = generated_secrets(tmp_path, {})
    killed = published(tmp_path, {"DATABASE_URL": "postgresql:///gone"})
    killed.__enter__()

    generated_secrets(tmp_path, {})

    assert read_env_file(tmp_path) == secrets
