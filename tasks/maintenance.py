"""What the clock wakes; the table with names, periods and reasons is `worker.schedule`."""

from __future__ import annotations

from worker.app import app
from worker.work import run_scheduled


@app.task(name="inbox.sweep")
def sweep_inboxes() -> None:
    """Say again what a lost hint was to say."""
    run_scheduled("inbox.sweep")


@app.task(name="bookings.remind")
def remind() -> None:
    """Remind of sessions, so long before as each organization says."""
    run_scheduled("bookings.remind")


@app.task(name="bookings.complete")
def complete_bookings() -> None:
    """Count whoever was not marked as having come, some hours after the end."""
    run_scheduled("bookings.complete")


@app.task(name="passes.expire")
def expire_passes() -> None:
    """End All-Access and friend passes, and tell."""
    run_scheduled("passes.expire")


@app.task(name="packages.expire")
def expire_packages() -> None:
    """End packages with their badges and open drafts, and tell."""
    run_scheduled("packages.expire")


@app.task(name="packages.warn")
def warn() -> None:
    """Tell of what ends in a week or tomorrow with something left."""
    run_scheduled("packages.warn")


@app.task(name="students.flags")
def refresh_flags() -> None:
    """Begin passes that were bought before the last one ended."""
    run_scheduled("students.flags")


@app.task(name="steps.remind")
def tell_unbooked() -> None:
    """Tell of open steps of courses that have a date within a week."""
    run_scheduled("steps.remind")


@app.task(name="sessions.low_seats")
def alert_low_seats() -> None:
    """Tell staff of course dates that are nearly full."""
    run_scheduled("sessions.low_seats")


@app.task(name="waitlists.tend")
def tend_waitlists() -> None:
    """End waits that are over, and call lines that nobody called."""
    run_scheduled("waitlists.tend")


@app.task(name="orders.expire")
def give_up_orders() -> None:
    """Give up orders that nobody paid for a month."""
    run_scheduled("orders.expire")


@app.task(name="products.sync")
def sync_products() -> None:
    """Tell Stripe of products that have changed."""
    run_scheduled("products.sync")


@app.task(name="events.prune")
def prune_payloads() -> None:
    """Replace payloads that were handled over a month ago by their hash, and forget calls to Stripe as old."""
    run_scheduled("events.prune")


@app.task(name="runs.prune")
def prune_runs() -> None:
    """Forget claims of periods long gone."""
    run_scheduled("runs.prune")
