"""The rules. Plain Python and SQL; knows no HTTP, queue, Stripe, environment or clock."""
