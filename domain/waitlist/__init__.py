"""Waiting for a full session: the line, and whose turn it is."""
