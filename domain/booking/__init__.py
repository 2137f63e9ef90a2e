"""Booking: commands in, seats out. Read the facts, decide in plain Python, write the rows.

The journey of a batch: `act` (the door) → `facts` (locks, then reads) → `decide` (the rules, no database)
→ `rows` (a statement per table). `paying` says what a session costs whom.
"""
