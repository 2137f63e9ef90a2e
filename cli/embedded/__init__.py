"""The PostgreSQL and the broker that `punchcard up` runs itself when no URL is set."""
