"""What wakes when there is something to send."""

from __future__ import annotations

from worker.app import app
from worker.drain import until_empty
from worker.event_bus import DOMAIN_EVENTS
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch
from worker.runtime import engine, hints


@app.task(name="outbox.relay")
def relay() -> None:
    """Send every mail and publish every domain event that is due."""
    hints().taken("notifications")
    until_empty("notifications", lambda: relay_batch(DOMAIN_EVENTS, engine()) + relay_batch(NOTIFICATIONS, engine()))
