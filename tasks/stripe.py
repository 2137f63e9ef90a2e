"""What wakes when a webhook was stored, and when Stripe is to be asked for something."""

from __future__ import annotations

from functools import partial

from worker import clock, upkeep
from worker.app import app
from worker.call_turn import is_due
from worker.drain import until_empty
from worker.hints import CALLS
from worker.inbox import drain_batch, drain_suspect
from worker.runtime import engine, hints
from worker.stripe_calls import make_calls
from worker.stripe_inbox import STRIPE_EVENTS
from worker.sweep import note_drain, note_end


@app.task(name="stripe.drain")
def drain() -> None:
    """Act on every stored event that is due: each once, each whole or not at all."""
    hints().taken("stripe")
    note_drain(engine(), STRIPE_EVENTS)
    step = partial(drain_batch, STRIPE_EVENTS, engine())
    drained = until_empty("stripe", step, full=STRIPE_EVENTS.batch, then="notifications")
    note_end(engine(), STRIPE_EVENTS, drained)
    # One at every turn, so that no load can keep them waiting.
    if drain_suspect(STRIPE_EVENTS, engine()):
        hints().send("notifications")
        hints().send("stripe")
    if is_due(engine()):
        hints().send(CALLS)


@app.task(name="stripe.call")
def call() -> None:
    """Ask Stripe for what was wanted and for what Checkouts sold, and tell it of products that have changed."""
    hints().taken(CALLS)
    upkeep.sync_products(engine(), at=clock.now())
    again = make_calls(engine())
    if again is not None:
        hints().send_after(CALLS, again)
    hints().send("notifications")
