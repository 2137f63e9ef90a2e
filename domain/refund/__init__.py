"""Money back that the studio orders: what it takes back of the ledger, and what Stripe says became of it."""
