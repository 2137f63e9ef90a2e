"""Tests: sentences in three paragraphs, against real servers."""
