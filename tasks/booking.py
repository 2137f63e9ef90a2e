"""What wakes when a command was accepted."""

from __future__ import annotations

from functools import partial

from worker.app import app
from worker.drain import until_empty
from worker.inbox import drain_batch, drain_suspect
from worker.job_inbox import JOBS
from worker.runtime import engine, hints
from worker.sweep import note_drain, note_end


@app.task(name="bookings.drain")
def drain() -> None:
    """Do every command that is due: each once, each whole or not at all."""
    hints().taken("bookings")
    note_drain(engine(), JOBS)
    drained = until_empty("bookings", partial(drain_batch, JOBS, engine()), full=JOBS.batch, then="notifications")
    note_end(engine(), JOBS, drained)
    if drain_suspect(JOBS, engine()):
        hints().send("bookings")
