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
def task_run(name: str) -> None:
    """Run a task now, whoever has taken its period, then send what it left to send; on this process's clock."""
    config.load()
    from worker.work import WORK, drain_outboxes, run_now

    if name not in WORK:
        raise output.fail(f"there is no task {name!r}: `punchcard task list` names them", output.USAGE)
    typer.echo(f"{name}: {run_now(name)}")
    typer.echo(f"sent: {drain_outboxes()}")
