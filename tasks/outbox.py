"""What wakes when there is something to send."""

from __future__ import annotations

from worker.app import app
from worker.drain import until_empty
from worker.event_bus import DOMAIN_EVENTS
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch
from worker.runtime import engine, hints

# A last turn may begin as the slice ends, with a server that is as slow as it may be: that takes 92 s, and a lease 120.
RELAY_SECONDS = 110


@app.task(name="outbox.relay", time_limit=RELAY_SECONDS)
def relay() -> None:
    """Send every mail and publish every domain event that is due."""
    hints().taken("notifications")
    until_empty("notifications", lambda: relay_batch(DOMAIN_EVENTS, engine()) + relay_batch(NOTIFICATIONS, engine()))
