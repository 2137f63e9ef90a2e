"""How commands speak: tables for people, JSON for programs, one line for what went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table

USAGE = 2
PIPE_WIDTH = 1_000

Cells = Mapping[str, object]


def show(rows: Sequence[Cells], *, as_json: bool, empty: str) -> None:
    """Print rows as a table or as JSON; where there are none, say what that means."""
    if as_json:
        typer.echo(json.dumps(rows, default=_plain, indent=2))
    elif not rows:
        typer.echo(empty)
    else:
        table = Table(*rows[0], box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*("" if value is None else str(_plain(value)) for value in row.values()))
        # A file or a pipe has no width that a line would have to fit into.
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong in one line; the caller raises what this returns."""
    typer.echo(f"punchcard: {message}", err=True)
    return typer.Exit(code)


def _plain(value: object) -> object:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
