"""One student: merged into another."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Engine

from cli import output
from cli.database import database
from db.transaction import reading, transaction
from domain import organization
from domain.desk.merge import Merge, Merged
from domain.desk.merge import merge as merge_students
from domain.errors import Refusal
from worker import clock

student = typer.Typer()

ACTOR = "COMMAND LINE"


@student.callback()
def group() -> None:
    """Keep the word for what is done: of one command alone typer would make the whole group."""


@student.command("merge")
def merge(  # noqa: PLR0913, PLR0917 - one parameter per option
    org: Annotated[str, typer.Option(help="The organization's slug.")],
    source: Annotated[
        str, typer.Option("--from", help="Who is merged: the frontend's id, or a guest's e-mail address.")
    ],
    into: Annotated[str, typer.Option(help="Who stays: the frontend's id.")],
    reason: Annotated[str | None, typer.Option(help="Kept with the event that tells of it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="For programs; asks nothing, so it needs --yes.")] = False,  # noqa: FBT002
) -> None:
    """Give all that one student has to another, after showing what that is."""
    if as_json and not yes:
        raise output.fail("--json asks nothing: add --yes", output.USAGE)
    wanted = Merge(source, into, ACTOR, reason)
    with database() as engine:
        if not yes:
            output.show([_row(_merged(engine, org, wanted, keep=False))], as_json=False, empty="")
            typer.confirm(f"Merge {source} into {into}? There is no way back", abort=True)
        done = _merged(engine, org, wanted, keep=True)
    output.show([_row(done)], as_json=as_json, empty="")


def _merged(engine: Engine, org: str, wanted: Merge, *, keep: bool) -> Merged:
    """Merge, and forget it again unless it is to be kept: so what is shown is what would be done."""
    with reading(engine) as session:
        organization_id = organization.find(session, org)
    if organization_id is None:
        raise output.fail(f"there is no organization {org}", output.USAGE)
    try:
        with transaction(engine) as session:
            merged = merge_students(session, organization_id, wanted, at=clock.now())
            if not keep:
                session.rollback()
    except Refusal as refusal:
        raise output.fail(f"nothing was merged: {refusal}") from refusal
    return merged


def _row(merged: Merged) -> dict[str, object]:
    names: dict[str, object] = {"from": merged.merged_member_id, "into": merged.member_id}
    return names | {name.replace("_", " "): count for name, count in merged.moved.items()} | {"kept": merged.kept}
