"""Old records: what each becomes, against the real database."""
