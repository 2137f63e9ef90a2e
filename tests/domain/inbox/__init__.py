"""Tests of what is kept in the inboxes."""
