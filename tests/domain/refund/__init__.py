"""Refunds: every rule, against the real database."""
