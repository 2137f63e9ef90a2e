"""Tests of the fake Stripe, asked by the official library."""
