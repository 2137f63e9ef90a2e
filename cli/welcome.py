"""What a stack says once it serves: where it is, who may ask it, and what to try first."""

from __future__ import annotations

from pathlib import Path

from cli import output
from cli.stand_in import StandIn

EXAMPLE = Path(__file__).parents[1] / "examples" / "lumen-explorer-5.json"


def welcome(url: str, command: Path, *, student: str, staff: str, stripe: StandIn | None) -> None:
    """Print tokens and commands that can be pasted."""
    output.say(f"\nstudent token: {student}\nstaff token: {staff}")
    output.say(f"\nSend a signed test purchase:\n  {_short(command)} stripe send {_short(EXAMPLE)}")
    output.say(f'See what it bought:\n  curl -s {url}/api/students/me/packages -H "Authorization: Bearer {student}"')
    if stripe:
        output.say(f"\nMake a link on which to buy by hand:\n  {_checkout(url, stripe, student)}")
        output.say(f"See what was paid, refund it, dispute it:\n  {stripe.base}/dashboard")


def _checkout(url: str, stripe: StandIn, token: str) -> str:
    pages = f'"successUrl": "{stripe.base}/done", "cancelUrl": "{stripe.base}/dashboard"'
    headers = f'-H "Authorization: Bearer {token}" -H "Content-Type: application/json"'
    return f'curl -s {url}/api/checkout-sessions {headers} -d \'{{"productCode": "EXPLORER-5", {pages}}}\''


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
