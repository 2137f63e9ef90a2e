"""What a process imports it keeps: those that stay import what they need, and the list of commands none of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.main import get_group

from cli import processes
from cli.commands import app
from tests.cli.conftest import Punchcard
from tests.stack import PUNCHCARD

GROUPS = {
    "seed": {"demo"},
    "catalog": {"apply"},
    "stripe": {"send", "setup", "reconcile", "drift"},
    "events": {"list", "show", "replay"},
    "jobs": {"list", "show", "retry"},
    "messages": {"list", "retry", "tail"},
    "task": {"list", "run"},
    "mail": {"list", "preview"},
    "student": {"merge", "export", "erase"},
    "import": {"legacy"},
    "bench": {"intake", "fulfil", "book", "ledger", "clock"},
}
ALONE = {"up", "gateway", "worker", "beat", "migrate", "token", "audit", "doctor"}

PARSER = {"typer", "click", "rich"}
DATABASE = {"sqlalchemy", "alembic", "psycopg"}
HTTP = {"flask", "pydantic", "jwt"}
QUEUE = {"celery", "kombu", "redis"}
REST = {"stripe", "structlog", "yaml"}

# By what each process imports before it stays, what it must not have then.
UNNEEDED = {
    "import cli.main": PARSER | DATABASE | HTTP | QUEUE | REST,
    "import cli.commands": {"rich"} | DATABASE | HTTP | QUEUE | REST,
    "import cli.up": PARSER | DATABASE | HTTP | QUEUE | REST,
    "import webhook_gateway.server": PARSER | DATABASE | HTTP | QUEUE | REST,
    "import webhook_gateway.serving": {"typer", "stripe"},
    "import worker.app": {"typer"} | DATABASE | HTTP | {"stripe"},
    "import tasks.stripe, tasks.outbox, tasks.maintenance": {"typer", "alembic", "flask", "pydantic", "stripe"},
}


@pytest.mark.parametrize(("statement", "unneeded"), UNNEEDED.items(), ids=UNNEEDED)
def test_a_process_that_stays_imports_nothing_that_it_does_not_need(statement: str, unneeded: set[str]) -> None:
    environ = {
        "PATH": os.defpath,
        "DATABASE_URL": "postgresql:///none",
        "BROKER_URL": "redis://127.0.0.1:1",
        "JWT_SECRET": "a secret of the tests, long enough for HS256",
        "STRIPE_WEBHOOK_SECRETS": "whsec_platform",
    }
    code = f"{statement}; import sys; print(*sys.modules)"

    imported = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
    )

    assert not unneeded.intersection(imported.stdout.split())


def test_every_command_is_listed_with_its_help(punchcard: Punchcard) -> None:
    listed = get_group(app).commands

    for name, command in listed.items():
        said = punchcard(name, "--help")
        assert said.code == 0
        assert command.get_short_help_str(1_000) in " ".join(said.out.split())
    assert listed.keys() == ALONE | GROUPS.keys()


@pytest.mark.parametrize(("group", "words"), GROUPS.items(), ids=GROUPS)
def test_every_command_of_a_group_is_listed_once_it_is_meant(punchcard: Punchcard, group: str, words: set[str]) -> None:
    said = punchcard(group, "--help")

    assert said.code == 0
    assert words <= set(said.out.split())


def test_the_list_of_commands_does_not_import_them() -> None:
    listed = subprocess.run([PUNCHCARD, "--help"], capture_output=True, text=True, timeout=20, check=True)
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", PUNCHCARD, "--help"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert traced.stdout == listed.stdout
    assert "sqlalchemy" not in traced.stderr


@pytest.mark.parametrize(
    "words",
    [
        "gateway",
        "worker",
        "worker --queues stripe,bookings",
        "worker --queues notifications,maintenance --concurrency 1",
        "worker --queues stripe --concurrency 64",
        "beat",
        "up",
        "up --demo",
    ],
)
def test_usual_words_mean_without_the_parser_what_they_mean_to_it(
    punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    started: list[tuple[object, ...]] = []
    for name in ("gateway", "worker", "beat", "up"):
        monkeypatch.setattr(processes, name, lambda *plain, _name=name, **named: started.append((_name, plain, named)))

    assert punchcard(*words.split()).code == 0
    monkeypatch.setattr("cli.main.plain", lambda _: None)
    assert punchcard(*words.split()).code == 0

    assert len(started) == 2
    assert started[0] == started[1]


@pytest.mark.parametrize("words", ["worker --concurrency 65", "worker --queues stripe --concurrency 0", "gateway now"])
def test_words_that_are_wrong_are_told_by_the_parser(punchcard: Punchcard, words: str) -> None:
    said = punchcard(*words.split())

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: ")
