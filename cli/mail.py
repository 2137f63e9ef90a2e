"""Mails to look at: each with demo data, in any language, without a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

import typer

from cli import output
from cli.mail_samples import SAMPLES
from domain.mail.voice import SOURCE, languages
from worker.letterpress import calendar_file, compose

mail = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Language = Annotated[str, typer.Option(help="Two letters, such as tr.")]


@dataclass(frozen=True, slots=True)
class Written:
    """A mail as files: its HTML, and beside it its text, the mail itself, and its session where it has one."""

    name: str
    language: str
    subject: str
    html: Path
    text: Path
    mail: Path
    calendar: Path | None


@mail.command("list")
def list_mails(language: Language = SOURCE, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """List the mails with their subjects."""
    said = _known(language)
    rows = [{"name": name, "subject": sample.letter(said).subject} for name, sample in SAMPLES.items()]
    output.show(rows, as_json=as_json, empty="")


@mail.command("preview")
def preview(
    name: Annotated[str | None, typer.Argument(help="As `punchcard mail list` names it.")] = None,
    language: Language = SOURCE,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; with --all the folder. A temporary one unless named.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every mail.")] = False,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Write a mail with demo data as HTML, text, session and mail, and say where."""
    said = _known(language)
    try:
        rows = [asdict(each) for each in _written(name, said, out, every=every)]
    except OSError as error:
        raise output.fail(f"cannot write {error.filename}: {error.strerror}") from error
    output.show(rows, as_json=as_json, empty="")


def _known(language: str) -> str:
    if language not in languages():
        known = ", ".join(languages())
        raise output.fail(f"there is no language {language!r}: there are {known}", output.USAGE)
    return language


def _written(name: str | None, language: str, out: Path | None, *, every: bool) -> Iterator[Written]:
    folder = Path(gettempdir()) / "punchcard-mail"
    if every:
        for each in SAMPLES:
            yield _write(each, language, (out or folder) / f"{each}.{language}.html")
    elif name is not None and name in SAMPLES:
        yield _write(name, language, out or folder / f"{name}.{language}.html")
    else:
        wrong = "name a mail, or say --all" if name is None else f"there is no mail {name!r}"
        raise output.fail(f"{wrong}: there are {', '.join(SAMPLES)}", output.USAGE)


def _write(name: str, language: str, html: Path) -> Written:
    letter = SAMPLES[name].letter(language)
    message, session = compose(letter), calendar_file(letter)
    text, whole, calendar = (html.with_suffix(suffix) for suffix in (".txt", ".eml", ".ics"))
    html.parent.mkdir(parents=True, exist_ok=True)
    for path, kind in ((html, "html"), (text, "plain")):
        part = message.get_body((kind,))
        assert part is not None  # noqa: S101 - every mail has both
        path.write_text(part.get_content(), "utf-8")
    whole.write_bytes(message.as_bytes())
    if session is not None:
        calendar.write_bytes(session)
    return Written(name, language, letter.subject, html, text, whole, calendar if session else None)
