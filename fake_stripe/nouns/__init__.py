"""The objects in the shape of Stripe's current version, one module per noun."""
