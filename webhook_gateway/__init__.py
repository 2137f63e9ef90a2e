"""HTTP in: verify, store, answer. No rules."""
