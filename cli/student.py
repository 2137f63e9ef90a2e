"""One student: merged into another, given out, erased."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar

import typer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cli import output
from cli.database import database
from cli.progress import progress
from db.transaction import reading, transaction
from domain import organization
from domain.desk.merge import Merge, Merged
from domain.desk.merge import merge as merge_students
from domain.errors import EraseRefused, Refusal
from domain.privacy.erase import Erased
from domain.privacy.erase import erase as erase_student
from domain.privacy.export import export as export_student
from worker import clock

student = typer.Typer()

ACTOR = "COMMAND LINE"

Done = TypeVar("Done")
Org = Annotated[str, typer.Option(help="The organization's slug.")]
Who = Annotated[str, typer.Option("--student", help="The frontend's id, or a guest's e-mail address.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; asks nothing, so it needs --yes.")]


@student.command("merge")
def merge(  # noqa: PLR0913, PLR0917 - one parameter per option
    org: Org,
    source: Annotated[
        str, typer.Option("--from", help="Who is merged: the frontend's id, or a guest's e-mail address.")
    ],
    into: Annotated[str, typer.Option(help="Who stays: the frontend's id.")],
    reason: Annotated[str | None, typer.Option(help="Kept with the event that tells of it.")] = None,
    yes: Yes = False,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Give all that one student has to another, after showing what that is."""
    if as_json and not yes:
        raise output.fail("--json asks nothing: add --yes", output.USAGE)
    wanted = Merge(source, into, ACTOR, reason)
    with database() as engine:

        def change(session: Session) -> Merged:
            return merge_students(session, _organization(session, org), wanted, at=clock.now())

        if not yes:
            output.show([_row(_made(engine, "merged", change, keep=False))], as_json=False, empty="")
            typer.confirm(f"Merge {source} into {into}? There is no way back", abort=True)
        done = _made(engine, "merged", change, keep=True)
    output.show([_row(done)], as_json=as_json, empty="")


@student.command("export")
def export(
    org: Org,
    student: Who,
    out: Annotated[Path | None, typer.Option(help="A file instead of the screen; one that is there stays.")] = None,
) -> None:
    """Give out all that is held about one student, as one JSON document."""
    with _new_file(out) if out else nullcontext() as file:
        document = _exported(org, student)
        if file is None:
            output.show_one(document)
        else:
            file.write(json.dumps(document, default=str, indent=2) + "\n")


def _exported(org: str, student: str) -> dict[str, Any]:
    with database() as engine, reading(engine) as session, progress() as tell:
        organization_id = _organization(session, org)
        try:
            return export_student(session, organization_id, student, tell=tell, at=clock.now())
        except Refusal as refusal:
            raise output.fail(str(refusal)) from refusal


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Give a file that is nobody else's to read, before anything is read for it; it goes unless it becomes whole."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise output.fail(f"{path} is there already: name another file", output.USAGE) from error
    except OSError as error:
        raise output.fail(f"cannot write {path}: {error.strerror}") from error
    try:
        with path.open("w") as file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output.fail(f"cannot write {path}: {error.strerror}") from error
        raise


@student.command("erase")
def erase(
    org: Org,
    student: Who,
    yes: Yes = False,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Take out who one student is, after showing from how much; the money stays on the ledger."""
    if as_json and not yes:
        raise output.fail("--json asks nothing: add --yes", output.USAGE)
    with database() as engine:

        def change(session: Session) -> Erased:
            return erase_student(session, _organization(session, org), student, at=clock.now())

        if not yes:
            output.show(_erased(_made(engine, "erased", change, keep=False)), as_json=False, empty="")
            typer.confirm(f"Erase {student}? There is no way back", abort=True)
        done = _made(engine, "erased", change, keep=True)
    if as_json:
        output.show_one({"studentId": done.student_id, "erased": done.rows})
    else:
        output.show(_erased(done), as_json=False, empty="")
        output.say(f"erased: the student {done.student_id} is nobody by now")


def _made(engine: Engine, word: str, change: Callable[[Session], Done], *, keep: bool) -> Done:
    """Change a student, and forget it again unless it is to be kept: so what is shown is what would be done."""
    try:
        with transaction(engine) as session:
            done = change(session)
            if not keep:
                session.rollback()
    except (Refusal, EraseRefused) as refusal:
        raise output.fail(f"nothing was {word}: {refusal}") from refusal
    return done


def _organization(session: Session, slug: str) -> int:
    found = organization.find(session, slug)
    if found is None:
        raise output.fail(f"there is no organization {slug}", output.USAGE)
    return found


def _erased(erased: Erased) -> list[dict[str, object]]:
    return [{"what": name.replace("_", " "), "rows": number} for name, number in erased.rows.items()]


def _row(merged: Merged) -> dict[str, object]:
    names: dict[str, object] = {"from": merged.merged_member_id, "into": merged.member_id}
    return names | {name.replace("_", " "): count for name, count in merged.moved.items()} | {"kept": merged.kept}
