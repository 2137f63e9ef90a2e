"""Stripe, from the outside: act as it would, set it up, and hold what it knows against what we know."""

from __future__ import annotations

import typer

from cli.stripe_drift import drift
from cli.stripe_reconcile import reconcile
from cli.stripe_send import send
from cli.stripe_setup import setup

stripe = typer.Typer()

for command in (send, setup, reconcile, drift):
    stripe.command()(command)
