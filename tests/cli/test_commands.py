"""Every command: settings first, one line for what goes wrong; tokens and tasks."""

from __future__ import annotations

import json
import os
import socket
import subprocess

import jwt
import pytest

from config import Settings
from tests.cli.conftest import Punchcard, one_line
from tests.stack import PUNCHCARD
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker.schedule import SCHEDULE

NAMELESS = {"PATH": os.defpath, "PUNCHCARD_HOME": "/nonexistent"}


@pytest.mark.parametrize(
    ("command", "environ", "named"),
    [
        ("gateway", {}, "DATABASE_URL"),
        ("worker", {"DATABASE_URL": "postgresql:///x"}, "BROKER_URL"),
        ("audit", {"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
    ],
)
def test_a_setting_that_is_missing_or_malformed_is_one_line(command: str, environ: dict[str, str], named: str) -> None:
    ended = subprocess.run(
        [PUNCHCARD, command], env=NAMELESS | environ, capture_output=True, text=True, timeout=20, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert one_line(ended.stderr)
    assert named in ended.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.0.2.1", "no host"])
def test_an_address_where_nothing_can_listen_is_one_line(
    punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    family, *_, address = socket.getaddrinfo("localhost" if host == "localhost" else "127.0.0.1", 0)[0]
    with socket.create_server(address[:2], family=family) as taken:
        monkeypatch.setenv("HOST", host)
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))

        said = punchcard("gateway")

    assert (said.code, said.out) == (2, "")
    assert one_line(said.err)
    assert f"HOST {host}" in said.err


@pytest.mark.parametrize("command", ["gateway", "worker", "beat", "audit", "migrate", "events list", "seed demo"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://host:port/x"),
        ("BROKER_URL", "http://127.0.0.1"),
        ("STRIPE_WEBHOOK_SECRETS", "sk_live_1"),
        ("JWT_JWKS_URL", "https://keys.example.com"),
        ("PORT", "65536"),
        ("LOG_LEVEL", "loud"),
        ("STRIPE_LIVEMODE", "maybe"),
    ],
)
def test_every_command_checks_every_setting_first(
    punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    said = punchcard(*command.split())

    assert (said.code, said.out) == (2, "")
    assert one_line(said.err)
    assert name in said.err
    assert "sk_live_1" not in said.err


def test_a_database_that_is_away_is_one_line(punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hidden-password@127.0.0.1:1/none")

    for command in ("audit", "migrate", "events list", "seed demo", "jobs list"):
        said = punchcard(*command.split())

        assert said.code == 1
        assert one_line(said.err)
        assert "the database does not answer" in said.err
        assert "hidden-password" not in said.err


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("command", ["audit", "events list", "jobs list", "seed demo"])
def test_a_database_without_a_schema_is_one_line_that_says_what_to_do(punchcard: Punchcard, command: str) -> None:
    said = punchcard(*command.split())

    assert said.code == 1
    assert one_line(said.err)
    assert "punchcard migrate" in said.err


def test_a_token_says_who_somebody_is(punchcard: Punchcard, settings: Settings) -> None:
    said = punchcard("token", "--org", "lumen", "--role", "student", "--sub", "ada", "--email", "ada@example.com")

    claims = jwt.decode(said.out.strip(), settings.jwt_secret or "", algorithms=["HS256"], audience="punchcard")
    assert said.code == 0
    assert claims.pop("exp") - claims.pop("iat") == 12 * 3600
    assert claims == {
        "sub": "ada",
        "org": "lumen",
        "role": "student",
        "aud": "punchcard",
        "email": "ada@example.com",
        "email_verified": True,
    }


def test_there_is_no_token_for_a_role_that_does_not_exist(punchcard: Punchcard) -> None:
    said = punchcard("token", "--org", "lumen", "--role", "owner", "--sub", "ada")

    assert (said.code, said.out) == (2, "")
    assert "student, staff, admin" in said.err


def test_tokens_of_an_identity_provider_are_not_ours_to_sign(
    punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JWT_SECRET")
    monkeypatch.setenv("JWT_JWKS_URL", "https://keys.example.com/jwks")

    said = punchcard("token", "--org", "lumen", "--role", "staff", "--sub", "ada")

    assert (said.code, said.out) == (2, "")
    assert one_line(said.err)


def test_scheduled_tasks_are_listed_and_run(punchcard: Punchcard, studio: Studio) -> None:
    studio.deliver(checkout())

    listed = json.loads(punchcard("task", "list", "--json").out)
    ran = [punchcard("task", "run", task["name"]) for task in listed]

    assert [task["name"] for task in listed] == [task.name for task in SCHEDULE]
    assert [said.code for said in ran] == [0] * len(SCHEDULE)
    sent = [int(said.out.rpartition("sent: ")[2]) for said in ran]
    assert sent[0] >= 2, "a receipt and a domain event"
    assert sum(sent[1:]) == 0
    assert len(studio.mails()) == 1


def test_several_tasks_run_one_after_the_other_and_then_what_they_left_is_sent(
    punchcard: Punchcard, studio: Studio
) -> None:
    studio.deliver(checkout())

    some = punchcard("task", "run", "bookings.remind", "passes.expire")
    everything = punchcard("task", "run", "--all")

    assert some.out.splitlines() == ["bookings.remind: 0", "passes.expire: 0", "sent: 2"]
    assert [line.split(":")[0] for line in everything.out.splitlines()] == [*(t.name for t in SCHEDULE), "sent"]


@pytest.mark.parametrize("asked", [(), ("bookings.remind", "--all")])
def test_tasks_are_named_or_all_of_them_are_meant(punchcard: Punchcard, asked: tuple[str, ...]) -> None:
    said = punchcard("task", "run", *asked)

    assert said.code == 2
    assert "--all" in said.err


def test_a_task_that_does_not_exist_is_wrong_use(punchcard: Punchcard) -> None:
    said = punchcard("task", "run", "bookings.forget")

    assert said.code == 2
    assert "bookings.forget" in said.err
