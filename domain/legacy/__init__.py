"""What the systems that Punchcard replaces have on record, taken over."""
