"""What Stripe is asked to do: calls that are wanted with their cause, and what follows from their answers."""
