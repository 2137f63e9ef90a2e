"""Rules of the house that no linter knows, each checked over the source itself."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import config
from domain.outward import job
from webhook_gateway import job_listener
from worker.hints import BESIDE, DRAINS

ROOT = Path(__file__).parents[1]
PACKAGES = ("cli", "db", "domain", "tasks", "webhook_gateway", "worker")
# Who leases rows, for a time that the database measures.
LEASING = ("outbox", "call_rows", "call_turn", "line_items")
SOURCES = sorted([ROOT / "config.py", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sources(*packages: str) -> list[Path]:
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] in packages]


def statements(path: Path) -> Iterator[str]:
    """Yield every text of a module but its docstrings: where SQL stands."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def calls(path: Path, *names: str) -> list[str]:
    """Return the calls of methods or functions of these names, with their lines."""
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [f"{name(path)}:{node.lineno}" for node in found if called(node) in names]


def bracketed(text: str, start: int) -> str:
    """Return what stands between a bracket that was opened before `start` and the one that closes it."""
    depth = 1
    for end, character in enumerate(text[start:], start):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth:
            return text[start:end]
    return ""


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


@pytest.fixture
def registered(settings: config.Settings) -> set[str]:
    """Return the names of all tasks that a worker would know."""
    assert settings
    tasks = importlib.import_module("tasks")
    for module in pkgutil.iter_modules(tasks.__path__, "tasks."):
        importlib.import_module(module.name)
    app: Any = importlib.import_module("worker.app").app
    return {task for task in app.tasks if not task.startswith("celery.")}


def test_every_name_that_is_queued_is_a_task(registered: set[str]) -> None:
    schedule = importlib.import_module("worker.schedule").SCHEDULE

    beside = {task for _, task in BESIDE.values()}
    queued = set(DRAINS.values()) | beside | {task.name for task in schedule}

    assert queued == registered


def test_the_worker_loads_every_module_with_tasks(settings: config.Settings) -> None:
    assert settings
    app: Any = importlib.import_module("worker.app").app

    written = {f"tasks.{path.stem}" for path in (ROOT / "tasks").glob("*.py") if path.stem != "__init__"}

    assert set(app.conf.include) == written


def test_every_hinted_queue_is_worked_on(settings: config.Settings) -> None:
    assert settings
    queues = set(importlib.import_module("worker.app").QUEUES)

    worked_on = set(importlib.import_module("cli.processes").ALL_QUEUES.split(","))

    assert worked_on == queues
    assert {*DRAINS, *(queue for queue, _ in BESIDE.values())} <= queues


def test_who_waits_for_a_job_listens_where_its_end_is_told() -> None:
    assert job_listener.CHANNEL == job.CHANNEL


def test_only_one_module_commits() -> None:
    allowed = {"db/transaction.py", "db/migrations/env.py"}

    committing = {
        name(path)
        for path in SOURCES
        if calls(path, "commit") or any(re.match(r"\s*commit\b", s, re.IGNORECASE) for s in statements(path))
    }

    assert committing <= allowed
    assert {name(path) for path in SOURCES if calls(path, "begin")} == {"db/transaction.py", "db/schema.py"}


def test_who_commits_every_statement_is_named_here() -> None:
    committing = {name(path) for path in SOURCES if re.search(r"autocommit", path.read_text(), re.IGNORECASE)}

    # The one statement of each hot path, whoever only listens, and what is around the measuring.
    gateway = {f"webhook_gateway/{module}.py" for module in ("event_store", "job_link", "job_listener")}
    assert committing == {*gateway, "cli/bench/rig.py"}


def test_the_time_comes_from_one_place() -> None:
    clock = re.compile(
        r"\b(now\s*\(\)|current_(timestamp|date|time)\b|localtime(stamp)?\b|(transaction|statement|clock)_timestamp\b)",
        re.IGNORECASE,
    )

    asking = {
        name(path)
        for path in sources("db", "domain", "tasks", "webhook_gateway", "worker")
        for statement in statements(path)
        if clock.search(statement)
    }

    assert asking <= {f"worker/{module}.py" for module in LEASING}


def test_nobody_else_asks_the_machine_what_time_it_is() -> None:
    asking = {
        name(path)
        for path in sources("db", "domain", "tasks", "webhook_gateway", "worker", "cli")
        if re.search(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time)\(", path.read_text())
    }

    assert asking == {"worker/clock.py"}


def test_rows_that_are_taken_are_chosen_once() -> None:
    # Joined, a choice may be made again for each row that is looked at, and takes more than its limit; an array is not.
    joined = re.compile(r"\b(?:IN|FROM|JOIN|USING|,)\s*\((?=\s*SELECT)")

    choices = {
        name(path)
        for path in SOURCES
        for text in [path.read_text()]
        for found in joined.finditer(text)
        if "SKIP LOCKED" in bracketed(text, found.end())
    }

    assert choices == set()


def test_only_leases_use_the_databases_clock() -> None:
    leases = [s for module in LEASING for s in statements(ROOT / "worker" / f"{module}.py") if "clock_timestamp" in s]

    assert len(leases) >= len(LEASING)
    for statement in leases:
        for line in statement.splitlines():
            assert "clock_timestamp()" not in line or "lease_until" in line


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring


def test_only_settings_and_migrations_read_the_environment() -> None:
    reading = {name(path) for path in SOURCES if re.search(r"os\.environ|os\.getenv", path.read_text())}

    assert {path for path in reading if not path.startswith("cli/")} == {"config.py", "db/migrations/env.py"}


def test_no_two_shapes_share_a_name() -> None:
    shapes = [
        node.name
        for path in (ROOT / "webhook_gateway" / "schema").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]

    # In the OpenAPI document one would take the other's place.
    assert [shape for shape, count in Counter(shapes).items() if count > 1] == []


def test_the_lock_names_versions_and_hashes_and_no_host() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()

    packages = [line for line in lines if line and not line.startswith((" ", "#"))]
    hashes = [line for line in lines if line.startswith("    --hash=sha256:")]
    others = [line for line in lines if line and line not in packages and line not in hashes]

    assert len(packages) > 30
    assert all(re.fullmatch(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+( ; [^\\]+)? \\", line) for line in packages)
    assert len(hashes) >= len(packages)
    assert all(re.fullmatch(r"    #.*", line) for line in others)
    assert not [line for line in lines if re.search(r"://|--(extra-)?index-url|--find-links|@ ", line)]
