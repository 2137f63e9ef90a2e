"""The rules, room by room."""
