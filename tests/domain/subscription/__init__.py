"""Subscriptions: every rule, against the real database."""
