"""What time alone does."""
