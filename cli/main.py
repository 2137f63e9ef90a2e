"""The `punchcard` command: what it was told to do, and one line for what goes wrong."""

from __future__ import annotations

import sys

from cli import output
from cli.processes import plain
from config import ConfigError


def main() -> None:
    """Run the command; a fault of the environment is one line and exit code 2, a database away one line and 1."""
    try:
        sys.exit(_run(sys.argv[1:]))
    except ConfigError as error:
        output.complain(str(error))
        sys.exit(output.USAGE)
    except KeyboardInterrupt:
        sys.exit(output.INTERRUPTED)
    except Exception as error:
        # Not before something went wrong: no process has to have a database's driver for its errors.
        from cli.database import told

        if (said := told(error)) is None:
            raise
        output.complain(said)
        sys.exit(1)


def _run(words: list[str]) -> int | None:
    """Run a command and return its exit code.

    The parser takes as much memory as Python itself: a process that stays does without it, where its words are plain.
    """
    if process := plain(words):
        return process()
    from cli.commands import app

    app()
    return None
