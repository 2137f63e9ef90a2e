"""Random histories beside a model that says what is right."""
