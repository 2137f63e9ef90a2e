"""A Stripe to develop and test against: the official library talks to it unchanged, and it sends signed webhooks."""
