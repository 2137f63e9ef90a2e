"""What students hold, and what they bought."""
