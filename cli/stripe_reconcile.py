"""Compare with Stripe what was paid, refunded and disputed, and heal what was missed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import Engine

import config
from cli import output
from cli.database import database
from cli.stripe_apply import Intake
from cli.stripe_client import asking
from db.transaction import reading
from domain import organization
from worker import clock
from worker.hints import Hints
from worker.reconcile.compare import Finding, Kind, Report
from worker.reconcile.look import EVENTS_KEPT, Feed, Tell, Wanted, untold
from worker.reconcile.run import reconcile as compare

TIME = re.compile(r"([1-9]\d{0,5})([mhd])", re.ASCII)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=730)
# What is fed may show more that is missing: a payment by the events of its refunds, say.
MOST_ROUNDS = 3
MOST_ROWS = 200
ORDER = list(Kind)
TOO_LONG = (
    f"Stripe keeps events for {EVENTS_KEPT.days} days: of what is older only payments, refunds and disputes are"
    " compared, and --apply cannot mend them"
)

Since = Annotated[str, typer.Option(help="How far back: 45m, 12h, 30d. Stripe keeps events for 30 days.")]
Apply = Annotated[bool, typer.Option("--apply", help="Take in the events that are missing.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Org = Annotated[str | None, typer.Option(help="Only of this organization: its slug.")]


@dataclass
class Outcome:
    """What was found, what was healed of it, and how many events were taken in, or were and nobody came for them."""

    report: Report
    healed: list[Finding] = field(default_factory=list)
    taken_in: int = 0
    waiting: int = 0
    too_large: int = 0


def reconcile(
    since: Since = "30d",
    apply: Apply = False,  # noqa: FBT002 - a flag
    org: Org = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Hold what Stripe knows against what we know; exit 1 if it does not agree."""
    span, settings = _span(since), config.load()
    if span > EVENTS_KEPT:
        output.complain(TOO_LONG)
    with database() as engine, asking(settings) as client:
        _check(engine, org)

        def look(feed: Feed | None = None) -> Report:
            at = clock.now()
            with _bar() as tell:
                return compare(engine, client, Wanted(at - span, at, org), tell=tell, feed=feed)

        outcome = _healed(Intake(engine, settings, Hints(settings.broker_url)), look) if apply else Outcome(look())
    _show(outcome, applied=apply, as_json=as_json)
    if not outcome.report.agrees or outcome.waiting:
        raise typer.Exit(1)


def _span(since: str) -> timedelta:
    told = TIME.fullmatch(since)
    span = timedelta(**{UNITS[told[2]]: int(told[1])}) if told else None
    if span is None or span > LONGEST:
        raise output.fail(f"--since must be like 45m, 12h or 30d, and {LONGEST.days}d at the most", output.USAGE)
    return span


def _check(engine: Engine, slug: str | None) -> None:
    if slug is None:
        return
    with reading(engine) as session:
        if organization.find(session, slug) is None:
            raise output.fail(f"there is no organization {slug}", output.USAGE)


def _healed(intake: Intake, look: Callable[[Feed], Report]) -> Outcome:
    """Take in what is missing, wait for it, and compare again, until nothing more is to be taken in.

    What came in meanwhile by another run, or by the webhook, is waited for too: it may be what was missing.
    """
    report = look(intake.feed)
    ever, given, upto, waiting = dict(report.findings), 0, -1, 0
    for _ in range(MOST_ROUNDS):
        if intake.given == given and (report.agrees or intake.latest() == upto):
            break
        given, upto = intake.given, intake.latest()
        waiting = intake.wait(upto)
        report = look(intake.feed)
        ever |= report.findings
    healed = [each for key, each in ever.items() if key not in report.findings]
    return Outcome(report, healed, intake.taken_in, waiting, intake.too_large)


def _show(outcome: Outcome, *, applied: bool, as_json: bool) -> None:
    report = outcome.report
    if as_json:
        output.show_one(_fields(outcome))
        return
    if outcome.healed:
        output.say(f"healed ({len(outcome.healed)}):")
        output.show([_row(each) for each in outcome.healed[:MOST_ROWS]], as_json=False, empty="")
        output.say("")
    found = sorted(report.findings.values(), key=lambda each: (ORDER.index(each.kind), each.made_at))
    output.show([_row(each) for each in found[:MOST_ROWS]], as_json=False, empty="all agrees")
    if len(found) > MOST_ROWS or sum(report.counts.values()) > len(found):
        output.say(f"… shown are {min(len(found), MOST_ROWS)} of {sum(report.counts.values())}")
    for line in _sums(outcome, applied=applied):
        output.say(line)


def _sums(outcome: Outcome, *, applied: bool) -> Iterator[str]:
    report = outcome.report
    compared = ", ".join(f"{number} {what}" for what, number in report.compared.items()) or "nothing: Stripe has none"
    yield f"compared: {compared}"
    yield "; ".join(f"{kind}: {report.counts[kind]}" for kind in ORDER) + f"; not ours: {report.not_ours}"
    if report.not_asked:
        yield f"not asked: {report.not_asked} more payment(s) that Stripe's lists do not have: take a shorter --since"
    if applied:
        yield f"taken in: {outcome.taken_in} event(s); healed: {len(outcome.healed)}"
    if outcome.waiting:
        yield f"nobody has come for {outcome.waiting} event(s): is a worker running? They stay in the inbox"
    if outcome.too_large:
        yield f"{outcome.too_large} event(s) are larger than a webhook may be, and were left"


def _row(finding: Finding) -> dict[str, object]:
    return {
        "": finding.kind.value,
        "what": finding.what,
        "id": finding.id,
        "organization": finding.organization,
        "made": finding.made_at,
        "ours": finding.ours,
        "Stripe's": finding.theirs,
        "what to do": finding.advice,
    }


def _fields(outcome: Outcome) -> dict[str, object]:
    report = outcome.report
    return {
        "agrees": report.agrees,
        "counts": {kind.value: report.counts[kind] for kind in ORDER},
        "notOurs": report.not_ours,
        "notAsked": report.not_asked,
        "compared": dict(report.compared),
        "findings": [asdict(each) for each in report.findings.values()],
        "healed": [asdict(each) for each in outcome.healed],
        "takenIn": outcome.taken_in,
        "waiting": outcome.waiting,
    }


@contextmanager
def _bar() -> Iterator[Tell]:
    """Give what tells how far it is, as a bar on a terminal that is gone in the end; else nobody."""
    if not sys.stderr.isatty():
        yield untold
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("asking Stripe", total=1.0)
        yield lambda what, done: progress.update(task, description=what, completed=done)
