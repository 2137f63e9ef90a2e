"""What Stripe is asked to do."""
