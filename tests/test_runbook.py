"""The runbook has an answer for every code that a row can carry, and for every metric that is shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from domain.errors import DomainError, EraseRefused, InvalidCatalog, NotReady, Refusal
from domain.inbox import job_retry
from domain.legacy.fault import ImportRefused
from tests.test_house import ROOT, called, sources, statements
from tests.webhook_gateway.conftest import app as app  # noqa: PLC0414 - fixtures
from tests.webhook_gateway.conftest import client as client  # noqa: PLC0414
from tests.webhook_gateway.conftest import settings as settings  # noqa: PLC0414
from tests.webhook_gateway.conftest import shared_app as shared_app  # noqa: PLC0414

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
VERDICTS = {"Parked", "Quarantined", "Later", "Unmatched", "Asking"}
# Counted by the library itself, beside each histogram and counter.
CREATED = "_created"


def verdicts() -> Iterator[str]:
    """Yield the codes that are written where a verdict is made."""
    for path in sources("domain", "worker"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in VERDICTS and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def refusals() -> Iterator[str]:
    """Yield the codes of the errors that the rules raise; what a command of ours refuses, it tells by itself."""
    told = {InvalidCatalog, ImportRefused, EraseRefused, Refusal}
    for family in (DomainError, NotReady):
        yield from (kind.code for kind in family.__subclasses__() if kind not in told)


def in_statements() -> Iterator[str]:
    """Yield the codes that stand in SQL."""
    for path in sources("domain", "worker"):
        for statement in statements(path):
            yield from re.findall(r"error_code = '(\w+)'", statement)


CODES = sorted({*verdicts(), *refusals(), *in_statements()})
ROWS = re.findall(r"^\| `([a-z_]+)` \|", RUNBOOK, re.MULTILINE)


def test_the_codes_are_found() -> None:
    assert {"unknown_product", "worker_lost", "failed", "unknown_account", "needs_line_items"} <= {*CODES}
    assert {*job_retry.OURS} <= {*CODES}


@pytest.mark.parametrize("code", CODES)
def test_every_code_that_a_row_can_carry_has_its_answer(code: str) -> None:
    assert code in ROWS


def test_no_answer_is_for_a_code_that_nothing_writes() -> None:
    assert sorted({*ROWS}) == CODES


def test_every_metric_that_is_shown_has_its_answer(client: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO drains (inbox, started_at) VALUES ('stripe_events', now())"))
    client.get("/healthz")

    families = re.findall(r"^# TYPE (\w+) \w+$", client.get("/metrics").text, re.MULTILINE)

    shown = {name for name in families if not name.endswith(CREATED)}
    assert len(shown) >= 8
    assert {name for name in shown if name not in RUNBOOK} == set()
    named = set(re.findall(r"punchcard_[a-z_]+[a-z]", RUNBOOK)) - {"punchcard_backlog", "punchcard_drain"}
    assert named <= shown, "an alert on what nobody shows never rings"
