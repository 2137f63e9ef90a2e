"""What can be booked: teachers, classes, and their dated sessions."""
