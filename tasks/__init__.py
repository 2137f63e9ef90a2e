"""Queue in: one function per task name, and no rules."""
