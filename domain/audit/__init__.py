"""Every rule that must hold, as a question to the database."""
