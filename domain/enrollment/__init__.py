"""A course that a student bought: enrolled, its steps taken one by one, how far they are."""
