"""What studios sell: the demo, and catalog files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

import config
from cli import output
from cli.database import database
from db.transaction import transaction
from domain.catalog.file import Changes, apply, check
from domain.errors import InvalidCatalog
from worker import clock

seed = typer.Typer()
catalog = typer.Typer()

# A catalog of a thousand products has about half of this.
MAX_FILE = 2_000_000


@seed.command()
def demo() -> None:
    """Make the two demo studios, or bring them up to date."""
    from cli.demo import seed as run

    try:
        changes = run(config.load().database_url)
    except InvalidCatalog as error:
        raise output.fail(f"the demo does not fit what is there; nothing was applied\n{error}") from error
    _tell(changes)


@catalog.command("apply")
def apply_command(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]) -> None:
    """Create or update what a file names, whole or not at all; events parked for it are taken up."""
    try:
        if file.stat().st_size > MAX_FILE:
            raise output.fail(f"{file} has more than {MAX_FILE} bytes: split it by organization", output.USAGE)
        document = check(yaml.safe_load(file.read_text()))
        with database() as engine, transaction(engine) as session:
            changes = apply(session, document, at=clock.now())
    except (InvalidCatalog, yaml.YAMLError, ValueError, RecursionError) as error:
        raise output.fail(f"{file}: nothing was applied\n{error}", output.USAGE) from error
    _tell(changes)


def _tell(changes: Changes) -> None:
    for word, names in (("created", changes.created), ("updated", changes.updated)):
        if names:
            typer.echo(f"{word}: {', '.join(names)}")
    if not changes.created and not changes.updated:
        typer.echo("nothing to change")
    if changes.taken_up:
        typer.echo(f"{changes.taken_up} parked event(s) taken up")
