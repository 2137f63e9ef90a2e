"""Groups of commands that are imported when one of theirs is meant: every process of ours begins as a command."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


def deferred(module: str, name: str, *, tells: str) -> typer.Typer:
    """Return a group that can be listed, and that takes its commands from a module once it is called.

    Args:
        module: Where its commands are.
        name: The Typer app in there that has them.
        tells: Its help.

    """

    class Deferred(TyperGroup):
        """The group, before and after its module was imported."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer keeps the class to itself
            self.commands = get_group(getattr(import_module(module), name)).commands
            return super().parse_args(ctx, args)

    return typer.Typer(cls=Deferred, help=tells, no_args_is_help=True)
