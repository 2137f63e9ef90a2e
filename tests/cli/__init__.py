"""Tests of the `punchcard` command."""
