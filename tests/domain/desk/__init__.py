"""The desk: every rule, against the real database."""
