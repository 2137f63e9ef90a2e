"""Courses on sale: planned, published, shown, and counted."""
