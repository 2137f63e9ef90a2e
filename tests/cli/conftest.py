"""What tests of the command share: the command itself, and a database that is its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy import make_url

from cli.main import main
from config import Settings


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Punchcard = Callable[..., Said]


@pytest.fixture
def punchcard(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Punchcard:
    """Run the command with the test's settings, in this process."""
    assert settings

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["punchcard", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Said(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def own_database(server_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a database without a schema, which the commands use instead of the settings' own."""
    assert settings
    url = make_url(server_url).set(database=f"own_{os.getpid()}")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {url.database}")
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        yield url.render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {url.database} WITH (FORCE)")


def written(path: Path, document: Any) -> Path:
    path.write_text(yaml.safe_dump(document))
    return path


def organization(slug: str, **members: Any) -> dict[str, Any]:
    usual = {"name": slug.title(), "timezone": "Europe/Istanbul", "currency": "TRY", "credit_price": 100_000}
    return {"slug": slug} | usual | members


def product(code: str, **members: Any) -> dict[str, Any]:
    allowance = {"service_type": "GROUP", "credits": 5, "credit_unit_minutes": 60}
    return {"code": code, "name": code, "price": 500_000, "validity_days": 90, "allowances": [allowance]} | members


def one_line(text: str) -> bool:
    return text.startswith("punchcard: ") and text.count("\n") == 1 and text.endswith("\n")
