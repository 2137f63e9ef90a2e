"""The pages for people: where a Checkout is paid, and the dashboard."""
