"""Stripe and we, held against each other: what is missing, different, only here, or stuck."""
