"""`punchcard bench`: figures that mean something, each beside what the machine could do in the same run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.bench.book import book as measure_book
from cli.bench.clock import FEW, MANY, PASSES
from cli.bench.clock import clock as measure_clock
from cli.bench.fulfil import fulfil as measure_fulfil
from cli.bench.intake import intake as measure_intake
from cli.bench.ledger import ledger as measure_ledger
from cli.bench.measure import MOST_OF_OTHERS, Report
from cli.bench.plot import plot
from cli.bench.rig import rig

bench = typer.Typer(help="How fast it is, and beside what.", no_args_is_help=True)

Seconds = Annotated[float, typer.Option(min=1, max=60, help="How long each is measured in a round.")]
Rounds = Annotated[int, typer.Option(min=1, max=20, help="The median of these counts.")]
Purchases = Annotated[int, typer.Option(min=100, max=50_000, help="How many are fulfilled in a round.")]
Bookings = Annotated[int, typer.Option(min=100, max=20_000, help="How many are made in each part of a round.")]
MOST_ROWS = 10_000_000
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Plot = Annotated[Path | None, typer.Option("--plot", dir_okay=False, help="Draw the figures into this SVG file.")]


@bench.command()
def intake(
    seconds: Seconds = 5,
    rounds: Rounds = 5,
    as_json: Json = False,  # noqa: FBT002 - a flag
    plot_to: Plot = None,
) -> None:
    """Measure how fast webhooks are accepted, beside the limit and the plain way, on servers made for it."""
    with rig() as here:
        report = measure_intake(here, seconds=seconds, rounds=rounds, say=_say)
    _conclude(report, "Intake", as_json=as_json, plot_to=plot_to)


@bench.command()
def fulfil(
    purchases: Purchases = 6_000,
    seconds: Seconds = 5,
    rounds: Rounds = 5,
    as_json: Json = False,  # noqa: FBT002 - a flag
    plot_to: Plot = None,
) -> None:
    """Measure how fast stored purchases become packages, alone and while the intake takes full load."""
    with rig() as here:
        report = measure_fulfil(here, number=purchases, seconds=seconds, rounds=rounds, say=_say)
    _conclude(report, "Fulfilment", as_json=as_json, plot_to=plot_to)


@bench.command()
def book(
    bookings: Bookings = 4_000,
    seconds: Seconds = 5,
    rounds: Rounds = 5,
    as_json: Json = False,  # noqa: FBT002 - a flag
    plot_to: Plot = None,
) -> None:
    """Measure how fast commands become bookings, stored and over HTTP, beside a bare driver that does one at a time."""
    with rig() as here:
        report = measure_book(here, number=bookings, seconds=seconds, rounds=rounds, say=_say)
    _conclude(report, "Booking", as_json=as_json, plot_to=plot_to)


@bench.command()
def ledger(
    rounds: Rounds = 5,
    as_json: Json = False,  # noqa: FBT002 - a flag
    plot_to: Plot = None,
) -> None:
    """Measure whether a balance among ten million lines of the ledger costs what one among a hundred thousand does."""
    with rig() as here:
        report = measure_ledger(here, rounds=rounds, say=_say)
    _conclude(report, "Ledger", as_json=as_json, plot_to=plot_to)


@bench.command()
def clock(  # noqa: PLR0913, PLR0917 - one parameter per option
    passes: Annotated[int, typer.Option(min=100, max=MOST_ROWS, help="How many end.")] = PASSES,
    few: Annotated[int, typer.Option(min=400, max=MOST_ROWS, help="Bookings to find reminders among.")] = FEW,
    many: Annotated[int, typer.Option(min=400, max=MOST_ROWS, help="Bookings to find as many among.")] = MANY,
    rounds: Rounds = 3,
    as_json: Json = False,  # noqa: FBT002 - a flag
    plot_to: Plot = None,
) -> None:
    """Measure how fast passes end, beside one bare statement, and what due reminders cost among many bookings."""
    with rig() as here:
        report = measure_clock(here, {"passes": passes, "few": few, "many": many}, rounds=rounds, say=_say)
    _conclude(report, "Clock", as_json=as_json, plot_to=plot_to)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _conclude(report: Report, title: str, *, as_json: bool, plot_to: Path | None) -> None:
    """Show what was measured; exit 1 where it is under a floor, or where nothing can be concluded."""
    if not report.conclusive:
        worst = max(report.disturbed)
        raise output.fail(
            f"other processes used {worst:.1f} cores, more than {MOST_OF_OTHERS}, in {len(report.disturbed)} of"
            f" {len(report.rounds) + len(report.disturbed)} rounds: measure again when the machine is quiet"
        )
    output.show(report.rows(), as_json=as_json, empty="nothing was measured")
    if plot_to:
        plot_to.write_text(plot(title, report))
    if not report.passed:
        raise typer.Exit(1)
