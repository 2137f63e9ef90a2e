"""Old records taken over: shown first, and kept once that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from cli import output
from cli.database import database
from cli.progress import progress
from db.transaction import reading, transaction
from domain import organization
from domain.legacy.fault import ImportRefused
from domain.legacy.move import Report, take_over
from domain.legacy.reading import MAX_BYTES
from domain.legacy.shape import ROWS
from worker import clock

legacy = typer.Typer()

FORMATS = (".csv", ".json")
# As many as a person mends before they look again.
MOST_FAULTS = 100


@legacy.callback()
def group() -> None:
    """Keep the word for what is taken over: of one command alone typer would make the whole group."""


@legacy.command("legacy")
def import_legacy(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, readable=True)],
    org: Annotated[str, typer.Option(help="The organization's slug.")],
    apply: Annotated[bool, typer.Option("--apply", help="Keep it; else it is done and forgotten again.")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Take over what an older system has on record; without --apply only show what would be.

    Exit code 0: done, or it could be; 1: some rows are refused, and nothing was done.
    """
    files = _files(folder)
    with database() as engine:
        try:
            report = _taken_over(engine, org, files, keep=apply)
        except ImportRefused as refused:
            raise _refused(refused, as_json=as_json) from refused
    _show(report, applied=apply, as_json=as_json)


def _files(folder: Path) -> dict[str, bytes]:
    """Return the files of old records in a folder, each kind once."""
    found = sorted(path for path in folder.iterdir() if path.suffix in FORMATS and path.is_file())
    for path in found:
        if path.stem not in ROWS:
            raise output.fail(f"{path}: there is no kind {path.stem}: there are {', '.join(ROWS)}", output.USAGE)
        if path.stat().st_size > MAX_BYTES:
            raise output.fail(f"{path} has more than {MAX_BYTES} bytes: split it", output.USAGE)
    if len({path.stem for path in found}) < len(found):
        raise output.fail(f"{folder} has a kind twice, as .csv and as .json: keep one", output.USAGE)
    if not found:
        raise output.fail(f"{folder} has none of {', '.join(ROWS)}, as .csv or .json", output.USAGE)
    return {path.name: path.read_bytes() for path in found}


def _taken_over(engine: Engine, org: str, files: Mapping[str, bytes], *, keep: bool) -> Report:
    """Take files over, and forget it again unless it is to be kept: so what is shown is what would be done."""
    with reading(engine) as session:
        organization_id = organization.find(session, org)
    if organization_id is None:
        raise output.fail(f"there is no organization {org}", output.USAGE)
    with progress() as tell, transaction(engine) as session:
        report = take_over(session, organization_id, files, tell=tell, at=clock.now())
        if not keep:
            session.rollback()
    return report


def _refused(refused: ImportRefused, *, as_json: bool) -> typer.Exit:
    """Show what is wrong with which rows."""
    if as_json:
        output.show_one({"applied": False, "refused": [asdict(fault) for fault in refused.faults]})
    else:
        rows = Counter(file for file, _ in {(fault.file, fault.row) for fault in refused.faults})
        output.show([{"file": file, "refused": n} for file, n in sorted(rows.items())], as_json=False, empty="")
    for fault in refused.faults[:MOST_FAULTS]:
        output.complain(str(fault))
    more = len(refused.faults) - MOST_FAULTS
    return output.fail(f"nothing was taken over{f'; {more} more are wrong' if more > 0 else ''}")


def _show(report: Report, *, applied: bool, as_json: bool) -> None:
    counts = [{"rows": name, "before": n, "after": report.after[name]} for name, n in report.before.items()]
    unmapped = [asdict(each) for each in report.unmapped]
    files = [asdict(each) for each in report.tallies]
    if as_json:
        output.show_one({"applied": applied, "files": files, "counts": counts, "notMappable": unmapped, "refused": []})
        return
    output.show(
        [{name.replace("_", " "): value for name, value in each.items()} for each in files], as_json=False, empty=""
    )
    output.say("")
    output.show(counts, as_json=False, empty="")
    if unmapped:
        output.say("\nnot mappable:")
        output.show(unmapped, as_json=False, empty="")
    output.say("\ntaken over" if applied else "\na dry run: nothing was kept; add --apply")
