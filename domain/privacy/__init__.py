"""What is known of one person: all of it given out, or none of it left."""
