"""Booking: every rule, against the real database."""
