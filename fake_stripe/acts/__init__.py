"""What happens to money: each act changes objects and tells of it by events, as Stripe does."""
