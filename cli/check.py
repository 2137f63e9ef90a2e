"""Is everything as it should be: the data (`audit`), and the installation (`doctor`)."""

from __future__ import annotations

from collections import Counter

import typer
from rich.console import Console
from rich.progress import track

from cli import output
from cli.database import database
from cli.doctor import examine
from db.transaction import reading
from domain.audit.audit import EXAMPLES, Violation, check, rules
from worker import clock


def audit(*, as_json: bool) -> None:
    """Check every invariant, reading only; exit 1 if one is violated."""
    at, found = clock.now(), list[Violation]()
    console = Console(stderr=True)
    with database() as engine:
        for rule in track(rules(), "checking", console=console, transient=True, disable=not console.is_terminal):
            # A transaction each: a long one would hold back what the database may clean up.
            with reading(engine) as session:
                found += check(session, rule, at=at)
    counts = Counter(violation.invariant for violation in found)
    table = [
        {
            "invariant": rule.name,
            "violations": counts[rule.name],
            "rule": rule.rule,
            "what": _examples([each.what for each in found if each.invariant == rule.name]),
        }
        for rule in rules()
    ]
    output.show(table, as_json=as_json, empty="")
    if found:
        raise typer.Exit(1)


def _examples(names: list[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def doctor(*, as_json: bool) -> None:
    """Say what is wrong with the installation and how to mend it; exit 1 if something is."""
    findings = examine()
    output.show([finding.as_row() for finding in findings], as_json=as_json, empty="")
    if any(not finding.fine for finding in findings):
        raise typer.Exit(1)
