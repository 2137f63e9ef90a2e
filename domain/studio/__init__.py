"""What a studio does to a whole session: who came, called off, moved."""
