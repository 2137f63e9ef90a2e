"""Tables, transactions and migrations. Imports nothing of ours."""
