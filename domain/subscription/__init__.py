"""Subscriptions: what Stripe says of them, and how long what a period granted lasts."""
