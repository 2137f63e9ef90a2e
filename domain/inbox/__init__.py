"""The inboxes, for the people who look after them."""
