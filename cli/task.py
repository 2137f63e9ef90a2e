"""The scheduled tasks: which there are, and one of them now."""

from __future__ import annotations

from typing import Annotated

import typer

import config
from cli import output
from worker.schedule import SCHEDULE

task = typer.Typer()


@task.command("list")
def task_list(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """List the scheduled tasks."""
    rows = [{"name": task.name, "every": str(task.period), "why": task.why} for task in SCHEDULE]
    output.show(rows, as_json=as_json, empty="")


@task.command("run")
def task_run(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="As `task list` names them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Each of them, in the order of the list.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Run tasks now, whoever has taken their period, then send what they left to send; on this process's clock."""
    config.load()
    from worker.work import WORK, drain_outboxes, run_now

    if bool(names) == every:
        raise output.fail("name the tasks to run, or say --all: `punchcard task list` names them", output.USAGE)
    for name in names or ():
        if name not in WORK:
            raise output.fail(f"there is no task {name!r}: `punchcard task list` names them", output.USAGE)
    for name in names or [each.name for each in SCHEDULE]:
        typer.echo(f"{name}: {run_now(name)}")
    typer.echo(f"sent: {drain_outboxes()}")
