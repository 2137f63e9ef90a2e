"""How commands speak: tables for people, JSON for programs, one line for what went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

USAGE = 2
INTERRUPTED = 130
PIPE_WIDTH = 1_000

Cells = Mapping[str, object]


def show(rows: Sequence[Cells], *, as_json: bool, empty: str) -> None:
    """Print rows as a table or as JSON; where there are none, say what that means."""
    if as_json:
        say(json.dumps(rows, default=_plain, indent=2))
    elif not rows:
        say(empty)
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*rows[0], box=None, header_style="bold", pad_edge=False)
        for row in rows:
            # What stands in brackets is data, too, and no markup.
            table.add_row(*(Text("" if value is None else str(_plain(value))) for value in row.values()))
        # A file or a pipe has no width that a line would have to fit into.
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def show_one(fields: Mapping[str, object]) -> None:
    """Print one thing as JSON, all that is known of it."""
    say(json.dumps(fields, default=_plain, indent=2))


def say(text: str) -> None:
    """Print a line; typer's `echo` does it too, for those who have typer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(message: str) -> None:
    """Say in one line what is wrong."""
    sys.stderr.write(f"punchcard: {message}\n")


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong in one line; the caller raises what this returns."""
    from typer import Exit

    complain(message)
    return Exit(code)


def _plain(value: object) -> object:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
