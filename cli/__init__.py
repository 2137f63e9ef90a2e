"""The `punchcard` command."""
