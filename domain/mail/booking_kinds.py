"""Kinds of mail about a booking."""

from __future__ import annotations

CONFIRMED = "booking.confirmed"
CHANGED = "booking.changed"
CANCELLED = "booking.cancelled"
FORFEITED = "booking.forfeited"
PROMOTED = "waitlist.promoted"
CALLED_OFF = "session.cancelled"
MOVED = "session.moved"
REMINDER = "booking.reminder"
# Kinds of who has a place now.
COMING = frozenset({CONFIRMED, CHANGED, PROMOTED, MOVED, REMINDER})
