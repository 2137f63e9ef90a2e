"""What is on sale: products, their lines and prices, and the document that says so."""
