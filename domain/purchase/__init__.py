"""Money in: what Stripe says, turned once into what students hold."""
