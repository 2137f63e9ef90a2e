"""What the clock wakes; the table with names, periods and reasons is `worker.schedule`."""

from __future__ import annotations

from worker.app import app
from worker.work import run_scheduled


@app.task(name="inbox.sweep")
def sweep_inboxes() -> None:
    """Say again what a lost hint was to say."""
    run_scheduled("inbox.sweep")


@app.task(name="students.flags")
def refresh_flags() -> None:
    """End badges and passes whose time is over."""
    run_scheduled("students.flags")


@app.task(name="bookings.complete")
def complete_bookings() -> None:
    """Count whoever was not marked as having come, some hours after the end."""
    run_scheduled("bookings.complete")


@app.task(name="packages.expire")
def expire_packages() -> None:
    """Cancel open drafts of packages that have ended."""
    run_scheduled("packages.expire")


@app.task(name="waitlists.tend")
def tend_waitlists() -> None:
    """End waits that are over, and call lines that nobody called."""
    run_scheduled("waitlists.tend")


@app.task(name="runs.prune")
def prune_runs() -> None:
    """Forget claims of periods long gone."""
    run_scheduled("runs.prune")
